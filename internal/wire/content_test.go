package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

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

// Content that is in memory arrives as it is, however much of it, and of the head, the system has
// room for at once; and it leaves in the caller's goroutine where all of it has.
func TestContentIsWrittenFromWhereItIs(t *testing.T) {
	t.Parallel()
	for size, rooms := range map[int][]int{16<<10 + 1: {0, 1}, 64 << 10: {0}, 8 << 20: {0}} {
		for _, room := range rooms { // of the system's; 1 is its least
			for _, field := range []int{1, 20_000} {
				ours, theirs := connected(t, false)
				if room > 0 {
					_ = ours.(*net.TCPConn).SetWriteBuffer(room)
				}
				content := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
				c := wire.New(wire.Options{Conn: ours, Socket: ours, MaxHead: maxHead, Ended: func() {}})
				heard := make(chan error, 1)
				go func() {
					defer func() { _ = theirs.Close() }()
					_ = theirs.SetReadDeadline(time.Now().Add(30 * time.Second))
					in := bufio.NewReader(theirs)
					for {
						r, err := http.ReadRequest(in)
						if err != nil {
							heard <- err
							return
						}
						got, err := io.ReadAll(r.Body)
						if !bytes.Equal(got, content) || len(r.Header.Get("X-A")) != field {
							heard <- fmt.Errorf("%d bytes, %w", len(got), err)
							return
						}
						_, _ = io.WriteString(theirs, ok+"Content-Length: 2\r\n\r\nhi")
					}
				}()
				for range 3 {
					r, body := get(t, http.MethodPost), &inMemory{}
					body.Reset(content)
					r.Header = http.Header{"X-A": {string(bytes.Repeat([]byte("a"), field))}}
					r.Body, r.ContentLength = body, int64(size)
					response, err := c.RoundTrip(r)
					if err != nil {
						t.Fatalf("%d bytes: %v", size, err)
					}
					if _, err := io.ReadAll(response.Body); err != nil || !c.Free() || body.Len() > 0 {
						t.Fatalf("%d bytes: %v, %d are left; free: %v", size, err, body.Len(), c.Free())
					}
				}
				_ = ours.Close()
				if err := <-heard; !errors.Is(err, io.EOF) {
					t.Errorf("%d bytes, room %d: %v", size, room, err)
				}
			}
		}
	}
}

// Content of another length than announced is not begun to be sent.
func TestContentOfAnotherLength(t *testing.T) {
	t.Parallel()
	ours, theirs := connected(t, false)
	defer func() { _ = theirs.Close() }()
	c := wire.New(wire.Options{Conn: ours, Socket: ours, MaxHead: maxHead, Ended: func() {}})
	for _, other := range []int{-1, 1} {
		r, body := get(t, http.MethodPost), &inMemory{}
		body.Reset(make([]byte, 20<<10))
		r.Body, r.ContentLength = body, int64(20<<10+other)
		if _, err := c.RoundTrip(r); err == nil || !c.Free() {
			t.Errorf("%d: %v; free: %v", other, err, c.Free())
		}
	}
	_ = ours.Close()
	if sent, _ := io.ReadAll(theirs); len(sent) > 0 {
		t.Errorf("%d bytes are sent", len(sent))
	}
}
