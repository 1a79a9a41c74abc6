package h2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// ending answers so many requests and says that there will be none (GOAWAY). Where it answers
// none it ends the connection at the first.
func ending(conn net.Conn, requests int) {
	defer func() { _ = conn.Close() }()
	_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
	framer := http2.NewFramer(conn, conn)
	said := make(chan struct{})
	go func() { _ = framer.WriteSettings(); close(said) }() // the client writes first, too
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		head, ok := frame.(*http2.HeadersFrame)
		if !ok {
			continue
		}
		if requests == 0 {
			return
		}
		<-said
		var fields bytes.Buffer
		_ = hpack.NewEncoder(&fields).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		if requests--; requests == 0 {
			_ = framer.WriteGoAway(head.StreamID, http2.ErrCodeNo, nil)
		}
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: head.StreamID, BlockFragment: fields.Bytes(), EndHeaders: true, EndStream: true})
	}
}

// dialled is the client's end of a connection.
type dialled struct{ net.Conn }

// closing is a pool whose server ends each connection after so many responses. What asks says
// which connection was made last, that of the request.
func closing(requests int, modify func(*Options)) (p *Pool, ask func(t *testing.T) (weak.Pointer[dialled], error)) {
	var last weak.Pointer[dialled]
	o := Options{MaxConnections: 1000, IdleTimeout: time.Minute, MaxResponseHeader: 1 << 10, Dial: func(context.Context) (net.Conn, error) {
		client, server := net.Pipe()
		go ending(server, requests)
		conn := &dialled{client}
		last = weak.Make(conn)
		return conn, nil
	}}
	if modify != nil {
		modify(&o)
	}
	p = New(o)
	return p, func(t *testing.T) (weak.Pointer[dialled], error) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://server/", nil)
		if err != nil {
			return last, err
		}
		response, err := p.RoundTrip(r)
		if err != nil {
			return last, err
		}
		return last, response.Body.Close()
	}
}

// net/http keeps a connection for 5 s after it has ended, and nobody keeps it for longer: its
// timer of idle connections would, for a minute.
func TestAConnectionThatHasEndedIsForgotten(t *testing.T) {
	t.Parallel()
	for _, requests := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			p, ask := closing(requests, nil)
			defer p.CloseIdleConnections()
			var were []weak.Pointer[dialled]
			for range 4 {
				taken, err := ask(t)
				if (err == nil) != (requests > 0) || taken.Value() == nil {
					t.Fatalf("%d requests: %v on %v", requests, err, taken)
				}
				were = append(were, taken)
				synctest.Wait()
			}
			time.Sleep(6 * time.Second)
			runtime.GC()
			for i, was := range were {
				if was.Value() != nil {
					t.Errorf("%d requests: that of call %d is kept", requests, i)
				}
			}
		})
	}
}

// wrapped is what a pool has dialled.
type wrapped struct{ net.Conn }

// What is below a connection that has ended, TLS with its buffers, is let go of at once.
func TestWhatIsBelowAConnectionIsLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dialled weak.Pointer[wrapped]
		p, ask := closing(2, func(o *Options) {
			dial := o.Dial
			o.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := dial(ctx)
				w := &wrapped{conn}
				dialled = weak.Make(w)
				return w, err
			}
		})
		defer p.CloseIdleConnections()
		if _, err := ask(t); err != nil {
			t.Fatal(err)
		}
		f := p.conns[0].frames // net/http holds on to it
		if _, err := ask(t); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		runtime.GC()
		if dialled.Value() != nil {
			t.Error("what was dialled is kept")
		}
		_, err := f.Read(make([]byte, 1))
		if _, ok := errors.AsType[*net.OpError](err); !ok || !errors.Is(err, net.ErrClosed) || f.RemoteAddr() == nil {
			t.Errorf("a connection to %v that has ended is read: %v", f.RemoteAddr(), err)
		}
	})
}
