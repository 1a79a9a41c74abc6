package body

import (
	"bytes"
	"io"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// A body of 64 KiB, and one of 1 MiB, with their lengths announced and without.
func BenchmarkRead(b *testing.B) {
	for _, row := range []struct {
		name      string
		size      int
		announced bool
	}{{"64 KiB", 64 << 10, true}, {"64 KiB in chunks", 64 << 10, false}, {"1 MiB", 1 << 20, true}} {
		b.Run(row.name, func(b *testing.B) {
			content := bytes.Repeat([]byte("x"), row.size)
			declared := int64(-1)
			if row.announced {
				declared = int64(row.size)
			}
			b.ReportAllocs()
			reader := bytes.NewReader(nil)
			for b.Loop() {
				reader.Reset(content)
				if _, err := Read(struct{ io.Reader }{reader}, declared, 2<<20, testkit.Account()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
