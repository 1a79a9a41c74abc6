package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit/nethttp"
)

// recorder is a backend that counts what reaches it, and answers as it is told.
type recorder struct {
	count  atomic.Int64
	mu     sync.Mutex
	last   []byte
	answer func(w http.ResponseWriter, r *http.Request)
}

// ServeHTTP implements http.Handler.
func (b *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.count.Add(1)
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.last = body
	b.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if b.answer != nil {
		b.answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok":true}`)
}

func (b *recorder) body() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// serve runs a server as the proxy's are set up, on loopback.
func serve(h http.Handler) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, Protocols: protocols,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	go func() { _ = s.Serve(l) }()
	return l.Addr().String(), func() { _ = s.Close() }, nil
}

// startProxy runs the proxy with one route to the backends.
func startProxy(modify func(*routeconfig.Route), backends ...http.Handler) (address string, stop func(), err error) {
	return startProxyWith(fstest.MapFS{}, modify, backends...)
}

// startProxyWith is startProxy with mounted Secrets.
func startProxyWith(secrets fs.FS, modify func(*routeconfig.Route), backends ...http.Handler) (address string, stop func(), err error) {
	return startProxyOver(nil, secrets, modify, backends...)
}

// over is what speaks HTTP/1.1 to backends.
type over struct {
	name  string
	http1 carrier.HTTP1
}

// transports are those that requests are judged over: the proxy's own, and net/http's.
func transports() []over { return []over{{"our exchange", nil}, {"net/http's", nethttp.New}} }

// startProxyOver is startProxyWith over a transport, nil for the proxy's own.
func startProxyOver(http1 carrier.HTTP1, secrets fs.FS, modify func(*routeconfig.Route), backends ...http.Handler) (address string, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	span := func(d time.Duration) routeconfig.Duration { return routeconfig.Duration(d) }
	r := routeconfig.Route{
		Namespace: "judged", Name: "route", Listener: routeconfig.Listener{Port: 8080},
		Validation: routeconfig.Validation{MaxBodySize: 1 << 20, BodyTimeout: span(30 * time.Second)},
		Dispatch:   routeconfig.Dispatch{Policy: "BestEffort", Timeout: span(5 * time.Second), Stragglers: "Auto", MaxInFlight: 1024},
		Response:   routeconfig.Response{Type: "Envelope", Diagnostics: "Full", IdleTimeout: span(time.Minute)},
	}
	for i, h := range backends {
		backend, end, err := serve(h)
		if err != nil {
			return "", stop, err
		}
		stops = append(stops, end)
		r.Backends = append(r.Backends, routeconfig.Backend{
			Name: fmt.Sprintf("b%d", i), URL: "http://" + backend + "/", Timeout: span(5 * time.Second), MaxResponseSize: 1 << 20,
			Request: routeconfig.Request{Path: routeconfig.PathURL},
		})
	}
	if modify != nil {
		modify(&r)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", stop, fmt.Errorf("listen: %w", err)
	}
	p := proxy.New(proxy.Options{
		Log: slog.New(slog.DiscardHandler), Credentials: secrets, Dialer: dial.New(dial.Options{AllowLoopback: true}), HTTP1: http1,
		Listen: func(*routeconfig.Route) (net.Listener, error) { return l, nil }, DrainTimeout: time.Second,
	})
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{r}})
	if err != nil {
		return "", stop, fmt.Errorf("encode document: %w", err)
	}
	if err := p.Load(encoded); err != nil {
		return "", stop, fmt.Errorf("load document: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(ctx)
	}()
	stops = append([]func(){func() { cancel(); <-ended }}, stops...)
	return l.Addr().String(), stop, nil
}
