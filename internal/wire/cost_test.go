package wire_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/wire"
)

// recorded is a connection whose server has answered already, each time alike.
type recorded struct {
	net.Conn

	answer string
	rest   string
	writes int
}

// Write implements net.Conn.
func (r *recorded) Write(b []byte) (int, error) {
	r.writes++
	r.rest = r.answer
	return len(b), nil
}

// Read implements net.Conn.
func (r *recorded) Read(b []byte) (int, error) {
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// SetDeadline implements net.Conn.
func (*recorded) SetDeadline(time.Time) error { return nil }

// Close implements net.Conn.
func (*recorded) Close() error { return nil }

const usual = ok + "Content-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: one\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}"

func newRecorded() (*recorded, *wire.Conn) {
	r := &recorded{answer: usual}
	return r, wire.New(wire.Options{Conn: r, Socket: r, MaxHead: maxHead, Ended: func() {}})
}

func posted(t testing.TB) *http.Request {
	r := get(t, http.MethodPost)
	r.Header = http.Header{"Content-Type": {"application/json"}, "Via": {"1.1 fanout"}, "User-Agent": {"x"}, "X-Request-Id": {"1"}}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte("{\"id\":7}"))), 8
	return r
}

// A small request leaves in one packet, with its content.
func TestContentLeavesWithItsHead(t *testing.T) {
	t.Parallel()
	r, c := newRecorded()
	response, err := c.RoundTrip(posted(t))
	if err != nil || r.writes != 1 {
		t.Fatalf("%d writes: %v", r.writes, err)
	}
	_ = response.Body.Close()
}

// An exchange makes what its caller keeps: the response with its fields, and little else. That
// is 9, and more under the race detector, which empties pools.
func TestAllocations(t *testing.T) {
	_, c := newRecorded()
	content := bytes.NewReader([]byte("{\"id\":7}"))
	r, buffer := posted(t), make([]byte, 100)
	r.Body = io.NopCloser(content)
	allocations := testing.AllocsPerRun(100, func() {
		content.Reset([]byte("{\"id\":7}"))
		response, err := c.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := response.Body.Read(buffer); err != io.EOF {
			t.Fatal(err)
		}
	})
	if most := 12.0; allocations > most {
		t.Errorf("%v allocations, more than %v", allocations, most)
	}
}

// BenchmarkExchange is one beside that of net/http, over a connection in memory that costs nothing.
func BenchmarkExchange(b *testing.B) {
	content := bytes.NewReader(nil)
	r := posted(b)
	r.Body = io.NopCloser(content)
	buffer := make([]byte, 100)
	b.Run("wire", func(b *testing.B) {
		_, c := newRecorded()
		for b.Loop() {
			content.Reset([]byte("{\"id\":7}"))
			response, err := c.RoundTrip(r)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = response.Body.Read(buffer)
		}
	})
	b.Run("net_http", func(b *testing.B) { // without its two goroutines: writing and parsing alone
		conn := &recorded{answer: usual}
		in := bufio.NewReader(conn)
		for b.Loop() {
			content.Reset([]byte("{\"id\":7}"))
			_ = r.Write(conn)
			response, err := http.ReadResponse(in, r)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
		}
	})
}
