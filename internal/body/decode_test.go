package body

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// encode applies codings in their order.
func encode(t testing.TB, content []byte, codings ...string) []byte {
	t.Helper()
	for _, coding := range codings {
		var out bytes.Buffer
		var w io.WriteCloser
		var err error
		switch coding {
		case "gzip", "x-gzip":
			w = gzip.NewWriter(&out)
		case "deflate":
			w = zlib.NewWriter(&out)
		case "bare deflate":
			w, err = flate.NewWriter(&out, 6)
		case "br":
			w = brotli.NewWriter(&out)
		case "zstd":
			w, err = zstd.NewWriter(&out)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		content = out.Bytes()
	}
	return content
}

// Case C5 of the field.
func TestC5Encodings(t *testing.T) {
	t.Parallel()
	content := []byte(`{"text":"` + strings.Repeat("no two bytes are alike 0123456789 ", 200) + `"}`)
	const limit = 1 << 20
	for _, codings := range [][]string{
		{"gzip"}, {"x-gzip"}, {"br"}, {"zstd"}, {"deflate"}, {"bare deflate"},
		{"gzip", "br"}, {"br", "gzip"}, {"zstd", "deflate", "gzip"},
	} {
		names := strings.Split(strings.ReplaceAll(strings.Join(codings, ","), "bare ", ""), ",")
		encoded := encode(t, content, codings...)
		got, err := Decode(iotest.OneByteReader(bytes.NewReader(encoded)), names, limit, testkit.Account())
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%v: %d bytes, %v", codings, len(got), err)
		}
		if nothing, err := Decode(strings.NewReader(""), names, 100, testkit.Account()); err != nil || len(nothing) > 0 {
			t.Errorf("nothing, called %v: %d bytes, %v", codings, len(nothing), err)
		}
		if empty, err := Decode(bytes.NewReader(encode(t, nil, codings...)), names, 100, testkit.Account()); err != nil || len(empty) > 0 {
			t.Errorf("%v of nothing: %d bytes, %v", codings, len(empty), err)
		}
		if _, err := Decode(bytes.NewReader(encoded), names, int64(len(content))-1, testkit.Account()); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v of more than the limit: %v", codings, err)
		}
		for _, cut := range []int{1, len(encoded) / 2, len(encoded) - 1} {
			if _, err := Decode(bytes.NewReader(encoded[:cut]), names, limit, testkit.Account()); !errors.Is(err, ErrEncoding) {
				t.Errorf("%v cut to %d of %d bytes: %v", codings, cut, len(encoded), err)
			}
		}
		if _, err := Decode(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(encoded))), names, limit, testkit.Account()); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("%v that breaks off: %v, want the reader's own", codings, err)
		}
	}
	for _, row := range []struct {
		names []string
		body  string
	}{{[]string{"compress"}, "x"}, {[]string{"gzip"}, "no gzip at all"}, {[]string{"br"}, "{\"a\":1}"}, {[]string{"zstd"}, "{\"a\":1}"},
		{[]string{"deflate"}, "{\"a\":1}"}, {[]string{"gzip", "gzip", "gzip", "gzip"}, ""}} {
		if out, err := Decode(strings.NewReader(row.body), row.names, limit, testkit.Account()); !errors.Is(err, ErrEncoding) {
			t.Errorf("%v of %q: %q, %v", row.names, row.body, out, err)
		}
	}
}

func TestCodings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		lines []string
		want  string
	}{
		{nil, "[]"}, {[]string{"identity", ""}, "[]"}, {[]string{" GZip , br"}, "[gzip br]"}, {[]string{"gzip", "identity, zstd"}, "[gzip zstd]"},
	} {
		if got := fmt.Sprint(Codings(row.lines)); got != row.want {
			t.Errorf("%q is %s, want %s", row.lines, got, row.want)
		}
	}
}

// A bomb costs what the limit allows, whatever it claims to hold.
func TestBombs(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	zeros := make([]byte, 64<<20)
	bombs := map[string][]byte{}
	for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
		bombs[coding] = encode(t, zeros, coding)
	}
	bombs["zstd that asks for 2 GiB"] = []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00}
	for name, bomb := range bombs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Decode(bytes.NewReader(bomb), []string{strings.Fields(name)[0]}, limit, testkit.Account()); !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%s: %d MiB allocated", name, n>>20)
		}
	}
}

// What is decoded is bounded, and what is encoded comes back.
func FuzzDecode(f *testing.F) {
	for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
		f.Add(encode(f, []byte(`{"a":1}`), coding), coding)
	}
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00}, "zstd")
	f.Fuzz(func(t *testing.T, body []byte, coding string) {
		const limit = 1 << 16
		if out, err := Decode(bytes.NewReader(body), Codings([]string{coding}), limit, testkit.Account()); err == nil && len(out) > limit {
			t.Fatalf("%d bytes", len(out))
		}
	})
}
