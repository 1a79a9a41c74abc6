package wire_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/fanout-operator/fanout/internal/wire"
)

// inMemory is content as package outgoing has it.
type inMemory struct{ bytes.Reader }

// Close implements io.Closer.
func (*inMemory) Close() error { return nil }

// What was read by its server to the end is sent, though the writer had no chance to say so yet.
func TestLargeRequestsKeepTheirConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(conn net.Conn) {
			in := bufio.NewReader(conn)
			for {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(conn, ok+"Content-Length: 2\r\n\r\nhi")
			}
		})
		content := make([]byte, 20<<10)
		for i := range 1000 {
			r := get(t, http.MethodPost)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
			response, err := c.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(response.Body); err != nil || !c.Free() {
				t.Fatalf("request %d: %v; the connection can be used again: %v", i, err, c.Free())
			}
		}
	})
}

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
