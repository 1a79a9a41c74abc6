package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// patience is how long these tests wait for what should come at once.
const patience = 20 * time.Second

// stranger is a client that writes bytes as it likes.
type stranger struct {
	net.Conn

	t      *testing.T
	reader *bufio.Reader
}

func newStranger(t *testing.T, address, text string) *stranger {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	s := &stranger{conn, t, bufio.NewReader(conn)}
	s.write(text)
	return s
}

func (s *stranger) write(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		s.t.Fatal(err)
	}
}

// response is the next one, which has come within patience.
func (s *stranger) response() (status int, closing bool) {
	s.t.Helper()
	r, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		s.t.Fatalf("no response: %v", err)
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode, r.Close
}

// ended reports whether the proxy closes the connection within patience.
func (s *stranger) ended() bool {
	_, err := s.reader.ReadByte()
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

// strict refuses in every way that needs no body.
func strict(t *testing.T) *proxytest.Proxy {
	t.Helper()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", testkit.NewBackend(t, nil).URL, func(b *routeconfig.Backend) { b.Request.Path = routeconfig.PathForward }),
	), func(r *routeconfig.Route) {
		r.Listener.Matches = []routeconfig.Match{{Path: "/in", Methods: []string{"POST"}}}
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
		r.RateLimits = []routeconfig.RateLimit{{
			Name: "few", Requests: 1, Per: testkit.Span(24 * time.Hour), Burst: 1, Key: routeconfig.KeyHeader, Header: "X-Tenant",
		}}
	}))
	p.Secrets.Write(testkit.Namespace, "callers", "a", "key")
	testkit.Eventually(t, "the keys are read", func() bool { return p.ReloadCredentials([]string{"."}) })
	return p
}

// K1: what is refused before its body came is answered at once, and its connection ends.
func TestK1TheRefusedAreAnsweredWithoutTheirBodies(t *testing.T) {
	t.Parallel()
	p := strict(t)
	if r := p.Do("POST", "orders", "/in", "x", "X-API-Key", "key", "X-Tenant", "a"); r.Status != 200 {
		t.Fatalf("status %d", r.Status)
	}
	for _, row := range []struct {
		want         int
		line, fields string
	}{
		{401, "POST /in", ""},
		{404, "POST /out", ""},
		{405, "PUT /in", ""},
		{429, "POST /in", "X-API-Key: key\r\nX-Tenant: a\r\n"},
		{431, "POST /in", strings.Repeat("A: b\r\n", 300)},
		{431, "POST /in", "Connection: " + strings.Repeat("a,", 300) + "close\r\n"},
		{413, "POST /in", "X-API-Key: key\r\nX-Tenant: b\r\n"},
	} {
		for _, framing := range []string{"Content-Length: 2000000", "Transfer-Encoding: chunked"} {
			if row.want == 413 && strings.HasPrefix(framing, "Transfer") {
				continue // whose length is not known
			}
			s := newStranger(t, p.Address("orders"), fmt.Sprintf("%s HTTP/1.1\r\nHost: a\r\n%s%s\r\n\r\n", row.line, row.fields, framing))
			if status, closing := s.response(); status != row.want || !closing {
				t.Errorf("%s with %s: status %d, closing %v, want %d", row.line, framing, status, closing, row.want)
			}
			if !s.ended() {
				t.Errorf("%s with %s: the connection goes on", row.line, framing)
			}
		}
	}
}

// K1: a client that goes on sending can read why it was refused.
func TestK1TheRefusedCanReadWhy(t *testing.T) {
	t.Parallel()
	p := strict(t)
	body := strings.Repeat("x", 600_000)
	for range 20 {
		s := newStranger(t, p.Address("orders"), "POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n")
		_, _ = io.WriteString(s, body) // as far as it is taken
		if status, _ := s.response(); status != 401 {
			t.Fatalf("status %d", status)
		}
	}
}

// K1: connections that say nothing more do not keep a proxy from ending.
func TestK1SilentConnectionsDoNotOutliveTheDrain(t *testing.T) {
	t.Parallel()
	p := strict(t)
	for range 20 {
		newStranger(t, p.Address("orders"), "POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
		newStranger(t, p.Address("orders"), "POST /in HTTP/1.1\r\nHost: a\r\n")
	}
	p.Stop()
	select {
	case <-p.Stopped:
	case <-time.After(patience):
		t.Errorf("still there %s after the stop", patience)
	}
}

// K1: a head of very many short fields is not even read to its end.
func TestK1AFloodOfFieldsIsRefusedWhileItComes(t *testing.T) {
	t.Parallel()
	p := strict(t)
	_, l := scene(t, proxy.Options{}) // whose connections cannot be closed by halves
	s := l.dial(t, "192.0.2.1", begun+strings.Repeat("A: b\r\n", 600))
	all, err := io.ReadAll(s.reader)
	if text := string(all); err != nil || !strings.HasPrefix(text, "HTTP/1.1 431 ") || strings.Count(text, "HTTP/") != 1 {
		t.Errorf("%v, response %q, want 431 once, though the head has not ended", err, text)
	}
	for i := range 200 { // those of ordinary length are counted each by itself
		s := newStranger(t, p.Address("orders"), "")
		for range 5 {
			s.write("GET /out HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", i) + "\r\n")
			if status, _ := s.response(); status != 404 {
				t.Fatalf("%d fields: status %d, want 404", i+1, status)
			}
		}
		_ = s.Close()
	}
}

// K1: as many lines in bodies are no heads.
func TestK1LinesOfBodiesAreNoFields(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))))
	s := newStranger(t, p.Address("orders"), "")
	for _, n := range []int{1, 600, 3000, 100_000} {
		for range 3 {
			s.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("\n", n)))
			if status, closing := s.response(); status != 200 || closing {
				t.Fatalf("%d lines: status %d, closing %v", n, status, closing)
			}
		}
	}
}

// M6: where two fields say where a body ends, what follows may be another party's
// request; the connection ends.
func TestM6AmbiguousLengthsEndTheConnection(t *testing.T) {
	t.Parallel()
	one := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", one.URL))))
	const chunked = "2\r\nab\r\n0\r\n\r\n"
	for name, row := range map[string]struct {
		text    string
		closing bool
	}{
		"length, then coding": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, true},
		"coding, then length": {"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\nA: b\r\ncontent-length: 2\r\n\r\n" + chunked, true},
		"pipelined":           {"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, true},
		"lines without CR":    {"POST / HTTP/1.1\nHost: a\nContent-Length: 2\nTransfer-Encoding: chunked\n\n" + chunked, true},
		"HTTP/1.0 with coding": {
			"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab", true},
		"chunked alone": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, false},
		"length alone":  {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", false},
	} {
		s := newStranger(t, p.Address("orders"), row.text)
		status, closing := s.response()
		if name == "pipelined" {
			status, closing = s.response()
		}
		if closing != row.closing || status != 200 && status != 400 || !row.closing && status != 200 {
			t.Errorf("%s: status %d, closing %v, want closing %v", name, status, closing, row.closing)
		}
		if row.closing && !s.ended() {
			t.Errorf("%s: the connection goes on", name)
		}
	}
	for _, r := range one.Seen() {
		if r.Method == "POST" && string(r.Body) != "ab" {
			t.Errorf("the backend got %q", r.Body)
		}
	}
}

// K4: a length that was only announced takes no memory of others.
func TestK4AnnouncedBodiesTakeNoMemory(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{MemoryBudget: 8 << 20, MaxConnections: 64},
		testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))))
	for range 40 {
		newStranger(t, p.Address("orders"), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{")
	}
	testkit.Eventually(t, "all have been begun", func() bool { return gauge(t, p, "fanout_body_memory_bytes") >= 40<<12 })
	if used := gauge(t, p, "fanout_body_memory_bytes"); used > 40*6<<10 {
		t.Errorf("40 heads take %d bytes", used)
	}
	for range 20 {
		if r := p.Do("POST", "orders", "/", strings.Repeat("x", 100_000)); r.Status != 200 {
			t.Fatalf("a bystander: status %d %s", r.Status, r.Body)
		}
	}
}

// from gives the connections of a listener the addresses of far clients.
type from struct {
	net.Listener

	mu   sync.Mutex
	next string
}

type far struct {
	net.Conn

	addr net.Addr
}

func (c far) RemoteAddr() net.Addr { return c.addr }

func (l *from) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return far{conn, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(l.next), 1))}, nil
}

func (l *from) dial(t *testing.T, address, text string) *stranger {
	t.Helper()
	l.mu.Lock()
	l.next = address
	l.mu.Unlock()
	s := newStranger(t, l.Addr().String(), text)
	time.Sleep(10 * time.Millisecond) // until it is accepted
	return s
}

// scene is a proxy whose clients come from where the test says.
func scene(t *testing.T, o proxy.Options, modify ...func(*routeconfig.Route)) (*proxy.Proxy, *from) {
	t.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &from{Listener: plain}
	o.Listen = func(*routeconfig.Route) (net.Listener, error) { return l, nil }
	p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)), modify...))
	return p.Proxy, l
}

const (
	get   = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	begun = "GET / HTTP/1.1\r\nHost: a\r\n"
)

// K1: one address may have every connection, but not from another that wants some.
func TestK1OneAddressDoesNotShutOutOthers(t *testing.T) {
	t.Parallel()
	_, l := scene(t, proxy.Options{MaxConnections: 16})
	var hog []*stranger
	for range 16 { // each in the middle of a head
		hog = append(hog, l.dial(t, "192.0.2.1", begun))
	}
	for range 6 {
		if status, _ := l.dial(t, "192.0.2.2", get).response(); status != 200 {
			t.Fatalf("a bystander: status %d", status)
		}
	}
	if again := l.dial(t, "192.0.2.1", get); !again.ended() {
		t.Error("an address beyond its share was given another connection while others want some")
	}
	alive := 0
	for _, s := range hog {
		s.write("\r\n")
		_ = s.SetDeadline(time.Now().Add(patience))
		if r, err := http.ReadResponse(s.reader, nil); err == nil && r.StatusCode == 200 {
			alive++
		}
	}
	if alive < 8 {
		t.Errorf("%d of 16 connections of the first address are alive, want its share, 8", alive)
	}
}

// resting are connections of an address each, on which a call was answered.
func resting(t *testing.T, l *from, n int) (idle []*stranger) {
	t.Helper()
	for i := range n {
		s := l.dial(t, fmt.Sprintf("192.0.2.%d", i+1), get)
		if status, _ := s.response(); status != 200 {
			t.Fatalf("status %d", status)
		}
		idle = append(idle, s)
	}
	return idle
}

// K1: idle connections give way; those that are in use do not.
func TestK1IdleConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	_, l := scene(t, proxy.Options{MaxConnections: 16})
	idle := resting(t, l, 16)
	time.Sleep(50 * time.Millisecond) // until the last one is idle for the proxy, too
	if status, _ := l.dial(t, "192.0.2.99", get).response(); status != 200 {
		t.Errorf("a newcomer: status %d", status)
	}
	if !idle[0].ended() {
		t.Error("the connection that was idle for longest is still open")
	}
	idle[15].write(get)
	if status, _ := idle[15].response(); status != 200 {
		t.Errorf("the newest: status %d", status)
	}
}

// K1: a connection that was refused gives way before idle ones do.
func TestK1WhatWasRefusedGivesWayFirst(t *testing.T) {
	t.Parallel()
	_, l := scene(t, proxy.Options{MaxConnections: 16})
	idle := resting(t, l, 15)
	refused := l.dial(t, "192.0.2.77", begun+strings.Repeat("X: 1\r\n", 400))
	if r, err := http.ReadResponse(refused.reader, nil); err != nil || r.StatusCode != 431 {
		t.Fatalf("a head of 400 fields: %v, %v", r, err)
	}
	if status, _ := l.dial(t, "192.0.2.99", get).response(); status != 200 {
		t.Errorf("a newcomer: status %d", status)
	}
	for i, s := range idle {
		s.write(get)
		if status, _ := s.response(); status != 200 {
			t.Errorf("idle connection %d: status %d", i, status)
		}
	}
}

// K1: an IPv6 client counts with its /64, and a trusted peer by whom it forwards for.
func TestK1PeersAreCountedByWhomTheySpeakFor(t *testing.T) {
	t.Parallel()
	p, l := scene(t, proxy.Options{MaxConnections: 16}, func(r *routeconfig.Route) { r.Listener.TrustedCIDRs = []string{"10.0.0.0/8"} })
	for i := range 16 {
		l.dial(t, fmt.Sprintf("2001:db8::%x", i+1), begun)
	}
	if status, _ := l.dial(t, "10.0.0.1", "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n").response(); status != 200 {
		t.Errorf("a trusted peer: status %d", status)
	}
	_ = p
}

// K4: one address may fill the memory, but what of it has not come gives way to others.
func TestK4OneAddressDoesNotTakeAllMemory(t *testing.T) {
	t.Parallel()
	p, l := scene(t, proxy.Options{MemoryBudget: 10 << 20, MaxConnections: 64})
	half := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 900_000)
	var slow []*stranger
	for i := range int64(6) { // one after another: while its room grows, a body has the old one too
		slow = append(slow, l.dial(t, "192.0.2.1", half))
		testkit.Eventually(t, "its memory is taken", func() bool { return gaugeOf(t, p, "fanout_body_memory_bytes") > (i+1)*983_000 })
	}
	bystander := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + strings.Repeat("x", 500_000)
	testkit.Eventually(t, "a bystander finds room", func() bool {
		status, _ := l.dial(t, "192.0.2.2", bystander).response()
		return status == 200
	})
	statuses := map[int]int{}
	for _, s := range slow {
		_ = s.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if r, err := http.ReadResponse(s.reader, nil); err == nil {
			statuses[r.StatusCode]++
		}
	}
	if statuses[503] == 0 || statuses[503] > 4 {
		t.Errorf("of 6 slow bodies were answered %v, want some 503 and not all", statuses)
	}
}

func gauge(t *testing.T, p *proxytest.Proxy, name string) int64 { return gaugeOf(t, p.Proxy, name) }
