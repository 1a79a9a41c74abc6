package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// trials are the load of every day, the unluckiest bodies, and clients that want
// nothing but to be waited for. Each is bounded in time and number.
func trials() []*trial {
	text := append(append([]byte(`{"x":"`), bytes.Repeat([]byte("x"), maxBody-8)...), `"}`...)
	zeros := append(append([]byte(`{"a":[`), bytes.Repeat([]byte("0,"), maxBody/2-5)...), `0]}`...)
	controls := bytes.Repeat([]byte{1}, maxBody)
	small := same("application/json", []byte(`{"ok":true}`))
	return []*trial{
		{name: "large bodies", handlers: withHanging(same("application/json", text)), modify: func(*routeconfig.Route) {}, floods: true,
			load: flood(200, 20*time.Second, bytes.Repeat([]byte("x"), maxBody))},
		{name: "Merge with arrays Unique of zeros", handlers: same("application/json", zeros), load: burst(1, nil),
			modify: func(r *routeconfig.Route) { r.Response.Type, r.Response.Arrays = "Merge", "Unique" }},
		{name: "Envelope of text of control bytes", handlers: same("text/plain", controls), load: burst(4, nil),
			modify: func(*routeconfig.Route) {}},
		{name: "shadows whose bodies are compared", handlers: shadowed(zeros), load: burst(20, nil),
			modify: everySecondShadow},
		{name: "51 KB of the smallest fields", handlers: small, load: burst(40, fields(5600, 1)), modify: func(*routeconfig.Route) {}},
		{name: "51 KB of 250 fields", handlers: small, load: burst(40, fields(250, 200)), modify: func(*routeconfig.Route) {}},
		{name: "bodies that are announced and never sent", handlers: small, modify: func(*routeconfig.Route) {},
			load: (&silent{from: loadAddress, clients: 208, span: 10 * time.Second, head: announced}).load},
		{name: "heads to a path that is refused, and no body", handlers: small, modify: only("/orders"),
			load: refusals(100 * time.Millisecond)},
		{name: "the same heads, as many as there can be", handlers: small, modify: only("/orders"), floods: true,
			load: refusals(0)},
		{name: "heads that come by the byte", handlers: small, modify: func(*routeconfig.Route) {},
			load: (&silent{from: loadAddress, clients: 300, span: 20 * time.Second, head: always(head("/", 0, fields(250, 200))), pace: 50 * time.Millisecond, end: true}).load},
	}
}

// refusals are heads of the smallest fields to a path that the route does not have. Each
// client rests before it comes again: 500 that rest for 100 ms come 5,000 times a second at
// the most, which leaves something of its core to the load.
func refusals(rest time.Duration) func(context.Context, string) error {
	s := &silent{from: loadAddress, clients: 500, span: 15 * time.Second, again: 10 * time.Second, rest: rest,
		head: always(head("/refused", 100, fields(5600, 1))), end: true}
	return s.load
}

// same are as many handlers as a route has backends, which all answer the same.
func same(contentType string, content []byte) (list []http.HandlerFunc) {
	for range memoryBackends {
		list = append(list, func(w http.ResponseWriter, _ *http.Request) { reply(w, contentType, content) })
	}
	return list
}

// withHanging lets the first one never answer.
func withHanging(list []http.HandlerFunc) []http.HandlerFunc {
	list[0] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	return list
}

// everySecondShadow makes shadows of half of the backends, those that shadowed lets answer in
// other bytes.
func everySecondShadow(r *routeconfig.Route) {
	all := r.Backends
	r.Backends = nil
	for i := range all {
		if i%2 == 0 {
			r.Backends = append(r.Backends, all[i])
			continue
		}
		r.Shadows = append(r.Shadows, routeconfig.Shadow{Backend: all[i], Percent: 100, Compare: routeconfig.CompareBody})
	}
}

// shadowed are backends every second of which says the same in other bytes.
func shadowed(content []byte) []http.HandlerFunc {
	list := same("application/json", content)
	spaced := append([]byte(" "), content...)
	for i := 1; i < len(list); i += 2 {
		list[i] = func(w http.ResponseWriter, _ *http.Request) { reply(w, "application/json", spaced) }
	}
	return list
}

func only(path string) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) { r.Listener.Matches = []routeconfig.Match{{Path: path}} }
}

// fields are n with values of a length.
func fields(n, length int) http.Header {
	h := http.Header{}
	for i := range n {
		h[fmt.Sprintf("X-%d", i)] = []string{strings.Repeat("v", length)}
	}
	return h
}

// announced are heads of ever smaller bodies, so that a budget that believes them is full
// to the brim.
func announced(client int) string {
	switch {
	case client < 140:
		return head("/", maxBody, nil)
	case client < 175:
		return head("/", 64<<10, nil)
	}
	return head("/", 4<<10, nil)
}

func always(head string) func(int) string { return func(int) string { return head } }

func head(path string, length int, fields http.Header) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n", path, length)
	_ = fields.Write(&b) // a Builder takes everything
	return b.String() + "\r\n"
}

// silent are clients that send a head, and no body.
type silent struct {
	clients int
	span    time.Duration
	head    func(client int) string
	pace    time.Duration // of each byte; 0 for all of them at once
	end     bool          // the proxy has to end them all within the span
	again   time.Duration // for how long each comes again once it was refused
	rest    time.Duration // before each does
	from    string        // their address; empty for loopback
}

func (s *silent) load(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, s.span)
	defer cancel()
	var open, refused, ended atomic.Int64
	var clients sync.WaitGroup
	for i := range s.clients {
		clients.Go(func() {
			for begun := time.Now(); ; {
				switch err := s.client(ctx, address, s.head(i)); {
				case errors.Is(err, context.DeadlineExceeded):
					open.Add(1)
				case err != nil:
					refused.Add(1)
				default:
					ended.Add(1)
				}
				if time.Since(begun) >= s.again {
					return
				}
				time.Sleep(s.rest)
			}
		})
	}
	clients.Wait()
	fmt.Printf("memory: %d clients: %d times one was refused, %d still connected after %v, %d not let in\n", s.clients, ended.Load(), open.Load(), s.span, refused.Load())
	if n := open.Load(); s.end && n > 0 {
		return fmt.Errorf("%d of %d clients are still connected after %v", n, s.clients, s.span)
	}
	return nil
}

// dialer connects from the load's address where there is one.
func (s *silent) dialer() *net.Dialer {
	if s.from == "" {
		return &net.Dialer{}
	}
	return dialer(s.from)
}

// client returns when the proxy has closed, or context.DeadlineExceeded.
func (s *silent) client(ctx context.Context, address, head string) error {
	conn, err := s.dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	left := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer left()
	go s.write(ctx, conn, head)
	_, _ = io.Copy(io.Discard, conn)
	return ctx.Err() // told apart by the caller
}

func (s *silent) write(ctx context.Context, conn net.Conn, head string) {
	if s.pace == 0 {
		_, _ = io.WriteString(conn, head)
		return
	}
	tick := time.NewTicker(s.pace)
	defer tick.Stop()
	for i := range len(head) {
		if _, err := io.WriteString(conn, head[i:i+1]); err != nil || ctx.Err() != nil {
			return
		}
		<-tick.C
	}
}
