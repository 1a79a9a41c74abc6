//go:build !race

package proxy_test

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// answering is the URL of a backend that answers whatever comes in one piece, and makes nothing
// while it does.
func answering(t testing.TB) (url string) {
	t.Helper()
	const content = `{"status":"ok"}`
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: one\r\n" +
		"Content-Length: " + strconv.Itoa(len(content)) + "\r\n\r\n" + content)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answers(conn, answer)
		}
	}()
	return "http://" + l.Addr().String() + "/orders"
}

func answers(conn net.Conn, answer []byte) {
	defer func() { _ = conn.Close() }()
	for in := make([]byte, 16<<10); ; {
		if _, err := conn.Read(in); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// usual is a proxy of a route as people have them, with so many backends. It returns what makes
// a connection, which returns what makes one call over it, and nothing else.
func usual(t testing.TB, response string, backends int) (connect func() (call func())) {
	t.Helper()
	const key = "a-key-of-a-caller"
	var list []routeconfig.Backend
	for i := range backends {
		list = append(list, testkit.Receiver(fmt.Sprintf("b%d", i), answering(t), func(b *routeconfig.Backend) {
			b.Request.SetHeaders = []routeconfig.NameValue{{Name: "X-Tenant", Value: "one"}}
		}))
	}
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"shop": key})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", list, func(r *routeconfig.Route) {
		r.Response.Type = response
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
		r.RateLimits = []routeconfig.RateLimit{{Name: "all", Requests: 1_000_000, Per: testkit.Span(time.Second), Burst: 1_000_000}}
		r.AccessLog = &routeconfig.AccessLog{Type: routeconfig.AccessLogSampled, OneIn: 1_000_000}
	}))
	const content = `{"id":7,"name":"a name"}`
	request := []byte("POST /orders HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: shop\r\nX-API-Key: " + key +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(content)) + "\r\n\r\n" + content)
	return func() func() {
		conn, err := net.Dial("tcp", p.Address("orders"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		in := make([]byte, 16<<10)
		return func() {
			if _, err := conn.Write(request); err != nil {
				t.Fatal(err)
			}
			n, err := conn.Read(in) // a response is one packet
			if err != nil || !bytes.HasPrefix(in[:n], []byte("HTTP/1.1 200")) || !bytes.Contains(in[:n], []byte(`"ok"`)) {
				t.Fatalf("%v: %s", err, in[:n])
			}
		}
	}
}

// A call makes so many things, of which net/http's server makes 23, and so many more a backend.
func TestAllocationsOfACall(t *testing.T) { // alone: it counts allocations
	const fixed, each = 49, 11
	for _, n := range []int{1, 2, 8} {
		call := usual(t, routeconfig.ResponseEnvelope, n)()
		for range 20 {
			call() // connections are made, and pools filled
		}
		if made := testing.AllocsPerRun(500, call); made > float64(fixed+each*n) {
			t.Errorf("%d backends: %v allocations, more than %d", n, made, fixed+each*n)
		}
	}
}

// BenchmarkCall is a call with the client's and the backends' part of it, over 64 connections.
func BenchmarkCall(b *testing.B) {
	for _, response := range []string{routeconfig.ResponseEnvelope, routeconfig.ResponseMerge, routeconfig.ResponseFirst} {
		b.Run(response, func(b *testing.B) {
			connect := usual(b, response, 2)
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for call := connect(); pb.Next(); {
					call()
				}
			})
		})
	}
}
