package h1_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/h1"
)

// A short response costs no clock and no pause: see conn.Read.
func BenchmarkAsk(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") })}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	pool := h1.New(h1.Options{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
		},
		Pause: func() {}, MaxConnections: 1, MaxIdle: 1, IdleTimeout: time.Minute, MaxResponseHeader: 1 << 10,
	})
	defer pool.CloseIdleConnections()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ask(b.Context(), pool); err != nil {
			b.Fatal(err)
		}
	}
}
