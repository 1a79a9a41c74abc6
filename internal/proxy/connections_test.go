package proxy_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// dying is a backend that answers the first request of a connection. With its
// second it dies after it has read, and so executed, it; or it dies idle.
type dying struct {
	net.Listener

	executed atomic.Int64
	idle     bool
}

func newDying(t *testing.T, idle bool) *dying {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dying{Listener: l, idle: idle}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *dying) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for n := 0; ; n++ {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = in.Discard(int(r.ContentLength))
		d.executed.Add(1)
		if n == 1 {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		if d.idle {
			return
		}
	}
}

// Case F4 of the field.
func TestF4WritesAreExecutedOnce(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		for _, fields := range [][]string{nil, {"Idempotency-Key", "k"}, {"X-Idempotency-Key", "k"}} {
			d := newDying(t, false)
			p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "http://"+d.Addr().String()))))
			for i := range 20 {
				before := d.executed.Load()
				r := p.Do("POST", "orders", "/", "x", fields...)
				if n := d.executed.Load() - before; n != 1 {
					t.Errorf("call %d with %v was executed %d times", i, fields, n)
				}
				if want := i%2 == 1; want != strings.Contains(r.Header.Get("Fanout-Backends"), "reason=reset") {
					t.Errorf("call %d with %v: %s", i, fields, r.Header.Get("Fanout-Backends"))
				}
			}
		}
	})
}

// A connection that was closed while idle costs no call, unless the request was on
// its way already: then nobody can tell, and it is not sent again.
func TestStaleConnectionsAreReplaced(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		d := newDying(t, true)
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "http://"+d.Addr().String()))))
		lost := int64(0)
		for range 100 {
			if r := p.Do("POST", "orders", "/", "x"); r.Status != 200 {
				lost++
			}
		}
		t.Logf("%d of 100 calls met a connection that was just being closed", lost)
		if executed := d.executed.Load(); executed+lost != 100 || executed < 50 {
			t.Errorf("100 calls: %d lost, %d executed", lost, executed)
		}
	})
}
