//go:build unix

package wire_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"

	"github.com/fanout-operator/fanout/internal/wire"
)

// BenchmarkContent is an exchange over loopback with content of so many KiB on either way; cpu is
// what the process takes for one, its server included.
func BenchmarkContent(b *testing.B) {
	for _, size := range []int{4 << 10, 16 << 10, 64 << 10} {
		for _, way := range []string{"sent", "received"} {
			b.Run(fmt.Sprintf("%s/%d KiB", way, size>>10), func(b *testing.B) { benchmarkContent(b, way == "sent", size) })
		}
	}
}

func benchmarkContent(b *testing.B, sent bool, size int) {
	ours, theirs := connected(b, false)
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	content := bytes.Repeat([]byte("x"), size)
	length := size
	if sent {
		length = 0
	}
	answer := append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", length), content[:length]...)
	go func() {
		in := bufio.NewReader(theirs)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = theirs.Write(answer)
		}
	}()
	c := wire.New(wire.Options{Conn: ours, Socket: ours, MaxHead: maxHead, Ended: func() {}})
	r := get(b, http.MethodPost)
	body, buffer := &inMemory{}, make([]byte, 64<<10)
	b.ReportAllocs()
	before := processTime()
	for b.Loop() {
		if r.Body = http.NoBody; sent {
			body.Reset(content)
			r.Body, r.ContentLength = body, int64(size)
		}
		response, err := c.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = response.Body.Read(buffer)
		}
	}
	b.ReportMetric(float64(processTime()-before)/float64(b.N), "cpu-ns/op")
}

func processTime() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
