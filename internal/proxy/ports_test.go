package proxy_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// on puts a route on a port.
func on(port int) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) { r.Listener.Port = port }
}

// ports are free ones.
func ports(t *testing.T, n int) (list []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		list = append(list, l.Addr().(*net.TCPAddr).Port)
	}
	return list
}

// listening runs a proxy on ports of its own.
func listening(t *testing.T, o proxy.Options) *proxy.Proxy {
	t.Helper()
	o.Credentials, o.Log, o.Address = os.DirFS(t.TempDir()), slog.New(slog.DiscardHandler), "127.0.0.1"
	o.Dialer = dial.New(dial.Options{AllowLoopback: true})
	p := proxy.New(o)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return p
}

func address(port int) string { return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String() }

// P7: ports change hands between the routes of a proxy, in a ring too, and to one that is
// new, without the loss of a call, whether a connection is a new one or was there before.
func TestP7PortsChangeHandsWithoutALoss(t *testing.T) {
	t.Parallel()
	backends := map[string]*testkit.Backend{}
	route := func(name string, port int) routeconfig.Route {
		if backends[name] == nil {
			backends[name] = testkit.NewBackend(t, testkit.Respond(200, "text/plain", name))
		}
		return testkit.Route(name, testkit.Receivers(testkit.Receiver("one", backends[name].URL)), response("First"), on(port))
	}
	n := ports(t, 3)
	p := listening(t, proxy.Options{})
	load := func(routes ...routeconfig.Route) {
		t.Helper()
		if err := p.Load(proxytest.Encode(t, routes...)); err != nil {
			t.Fatal(err)
		}
	}
	load(route("a", n[0]), route("b", n[1]), route("c", n[2]))
	var done atomic.Bool
	var callers sync.WaitGroup
	for _, port := range n {
		for _, transport := range []*http.Transport{{}, {DisableKeepAlives: true}} {
			callers.Go(func() {
				for !done.Load() {
					r, err := exchange(t.Context(), t, transport, "GET", address(port), "")
					if err != nil || r.StatusCode != 200 {
						t.Errorf("port %d: %v %v", port, r, err)
						return
					}
					_ = r.Body.Close()
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	who := func(port int) string {
		r, err := exchange(t.Context(), t, &http.Transport{}, "GET", address(port), "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		name := make([]byte, 1)
		_, _ = r.Body.Read(name)
		return string(name)
	}
	for _, names := range []string{"bac", "cab", "abc", "dab", "bda"} {
		var routes []routeconfig.Route
		for i, name := range names {
			routes = append(routes, route(string(name), n[i]))
		}
		load(routes...)
		for i, name := range names {
			if got := who(n[i]); got != string(name) {
				t.Errorf("%s: port %d is that of %s", names, i, got)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	done.Store(true)
	callers.Wait()
}

// P7: a document with a port that cannot be had changes nothing, unless free ones will do:
// then the route listens on one until its own can be had, and moves without a loss.
func TestP7WhatCannotBeHadIsHadLater(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, n := taken.Addr().(*net.TCPAddr).Port, ports(t, 2)
	route := func(name string, port int) routeconfig.Route {
		return testkit.Route(name, testkit.Receivers(testkit.Receiver("one", b.URL)), on(port))
	}
	at := func(p *proxy.Proxy) (list []int) {
		for _, l := range p.Listening() {
			if p := l.Address.(*net.TCPAddr).Port; (p == l.Port) != (l.Refused == nil) {
				t.Errorf("route %s wants port %d and has %d: %v", l.Route, l.Port, p, l.Refused)
			}
			list = append(list, l.Address.(*net.TCPAddr).Port)
		}
		return list
	}
	answers := func(port int) bool {
		r, err := exchange(t.Context(), t, &http.Transport{DisableKeepAlives: true}, "GET", address(port), "")
		if err == nil {
			_ = r.Body.Close()
		}
		return err == nil && r.StatusCode == 200
	}
	strict := listening(t, proxy.Options{})
	if err := strict.Load(proxytest.Encode(t, route("a", n[0]))); err != nil {
		t.Fatal(err)
	}
	if err := strict.Load(proxytest.Encode(t, route("a", n[1]), route("b", port))); err == nil || !answers(n[0]) || answers(n[1]) {
		t.Errorf("a port that is taken: %v", err)
	}

	p := listening(t, proxy.Options{FreePorts: true})
	if err := p.Load(proxytest.Encode(t, route("a", port), route("b", port))); err != nil {
		t.Fatal(err)
	}
	first := at(p)
	if first[0] == port || first[1] == port || !answers(first[0]) || !answers(first[1]) || p.Reclaim() {
		t.Errorf("a port that is taken: the routes are at %v", first)
	}
	_ = taken.Close()
	if p.Reclaim() || !answers(port) { // only one of them can have it
		t.Error("not settled, and the port answers")
	}
	second := at(p)
	if second[0] != port || second[1] != first[1] {
		t.Errorf("the routes were at %v, and are at %v once %d is free", first, second, port)
	}
	testkit.Eventually(t, "the port of before is closed", func() bool { return !answers(first[0]) })
	if err := p.Load(proxytest.Encode(t, route("b", port))); err != nil { // its holder is no more
		t.Fatal(err)
	}
	if third := at(p); third[0] != port || !answers(port) || !p.Reclaim() {
		t.Errorf("the route is at %v, want %d", third, port)
	}
}

// P7: a document that is refused leaves routes wanting what they wanted, those too that
// listen elsewhere meanwhile.
func TestP7RefusedDocumentsChangeNoWish(t *testing.T) {
	t.Parallel()
	b, n := testkit.NewBackend(t, nil), ports(t, 3)
	broken := errors.New("broken")
	p := listening(t, proxy.Options{FreePorts: true, Listen: func(route *routeconfig.Route) (net.Listener, error) {
		switch route.Listener.Port {
		case n[0], n[1]:
			return nil, syscall.EADDRINUSE
		case n[2]:
			return nil, broken
		}
		return net.Listen("tcp", address(route.Listener.Port))
	}})
	route := func(name string, port int) routeconfig.Route {
		return testkit.Route(name, testkit.Receivers(testkit.Receiver("one", b.URL)), on(port))
	}
	if err := p.Load(proxytest.Encode(t, route("a", n[0]))); err != nil {
		t.Fatal(err)
	}
	if err := p.Load(proxytest.Encode(t, route("a", n[1]), route("b", n[2]))); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of b", err)
	}
	if got := p.Listening(); len(got) != 1 || got[0].Port != n[0] || got[0].Refused == nil {
		t.Errorf("after a document that was refused: %+v, want port %d", got, n[0])
	}
	if err := p.Load(proxytest.Encode(t, route("a", n[1]))); err != nil {
		t.Fatal(err)
	}
	if got := p.Listening(); len(got) != 1 || got[0].Port != n[1] || got[0].Refused == nil {
		t.Errorf("after another wish: %+v, want port %d", got, n[1])
	}
}
