package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// over2 asks over HTTP/2 without TLS, and counts its connections.
func over2(t *testing.T) (transport *http.Transport, dials *atomic.Int32) {
	t.Helper()
	dials = new(atomic.Int32)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport = &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport, dials
}

// post sends a body that net/http cannot send twice.
func post(t *testing.T, transport *http.Transport, address, path string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, io.NopCloser(strings.NewReader("{}")))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 2
	response, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// K1: over HTTP/2 one caller's refusals leave the connection that it shares with others.
func TestK1RefusalsOverHTTP2LeaveTheConnection(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)),
		func(r *routeconfig.Route) { r.Listener.Matches = []routeconfig.Match{{Path: "/in"}} }))
	transport, dials := over2(t)
	// net/http hands a new connection to its first request, then to the pool: perhaps after the answer.
	opened := int32(0)
	for opened != dials.Load() || opened == 0 {
		opened = dials.Load()
		if err := post(t, transport, p.Address("orders"), "/in"); err != nil {
			t.Fatal(err)
		}
	}
	var failed atomic.Int32
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for range 60 {
				path := "/in"
				if caller == 0 {
					path = "/out"
				}
				if err := post(t, transport, p.Address("orders"), path); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if failed.Load() > 0 || dials.Load() > opened {
		t.Errorf("%d of 480 requests failed, over %d connections of which %d were open before", failed.Load(), dials.Load(), opened)
	}
}

// framer speaks HTTP/2 as it likes.
type framer struct {
	*http2.Framer

	t    *testing.T
	conn net.Conn
}

func newFramer(t *testing.T, address string, settings ...http2.Setting) *framer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := &framer{http2.NewFramer(conn, conn), t, conn}
	_ = f.WriteSettings(settings...)
	return f
}

// fields writes a block of them, all of it.
func (f *framer) fields(stream uint32, end bool, fields ...[2]string) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSizeLimit(0)
	e.SetMaxDynamicTableSize(0)
	for _, field := range fields {
		_ = e.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	const most = 16_000
	rest := block.Bytes()
	n := min(len(rest), most)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: rest[:n], EndStream: end, EndHeaders: n == len(rest)})
	for rest = rest[n:]; len(rest) > 0; rest = rest[n:] {
		n = min(len(rest), most)
		_ = f.WriteContinuation(stream, n == len(rest), rest[:n])
	}
}

func head(method, path string, more ...[2]string) [][2]string {
	return append([][2]string{{":method", method}, {":scheme", "http"}, {":authority", "a"}, {":path", path}}, more...)
}

func many(n int) [][2]string {
	list := make([][2]string, n)
	for i := range list {
		list[i] = [2]string{fmt.Sprintf("%x", i), ""}
	}
	return list
}

func grown(before int64) int64 { return inUse() - before }

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// K1: what is refused over HTTP/2 is not held for a client that takes no responses. Not
// parallel: the memory of the process is measured, of which the client has a part.
func TestK1RefusedStreamsHoldNothing(t *testing.T) {
	p := proxytest.Serve(t, proxy.Options{MemoryBudget: 64 << 20}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))))
	before := inUse()
	for range 10 {
		f := newFramer(t, p.Address("orders"), http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		go func() { _, _ = io.Copy(io.Discard, f.conn) }()
		for stream := range uint32(100) {
			f.fields(2*stream+1, true, head("GET", "/", many(1600)...)...)
		}
	}
	testkit.Eventually(t, "what was refused is gone", func() bool {
		return gauge(t, p, "fanout_body_memory_bytes") == 0 && grown(before) < 50<<20
	})
}

// K5: trailers that are announced take room before they come.
func TestK5TrailersTakeRoom(t *testing.T) {
	release := make(chan struct{})
	backend := testkit.NewBackend(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	p := proxytest.Serve(t, proxy.Options{MemoryBudget: 64 << 20}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", backend.URL))))
	f := newFramer(t, p.Address("orders"))
	go func() { _, _ = io.Copy(io.Discard, f.conn) }()
	for stream := range uint32(50) {
		f.fields(2*stream+1, false, head("POST", "/", [2]string{"trailer", "a"})...)
		_ = f.WriteData(2*stream+1, false, []byte("x"))
		f.fields(2*stream+1, true, many(1600)...)
	}
	testkit.Eventually(t, "all are under way", func() bool { return backend.Count() == 50 })
	if used := gauge(t, p, "fanout_body_memory_bytes"); used < 50*192<<10 {
		t.Errorf("50 calls with trailers have taken %d bytes", used)
	}
}

// K1: nobody waits for the body of OPTIONS * either.
func TestK1OptionsAsteriskIsAnswered(t *testing.T) {
	t.Parallel()
	p := strict(t)
	s := newStranger(t, p.Address("orders"), "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
	if status, closing := s.response(); status != 400 || !closing {
		t.Errorf("status %d, closing %v", status, closing)
	}
	f := newFramer(t, p.Address("orders"))
	f.fields(1, false, head("OPTIONS", "*", [2]string{"content-length", "1000"})...)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("over HTTP/2: %v", err)
		}
		if frame.Header().StreamID == 1 {
			return
		}
	}
}

// K1: who is refused before being told to continue, and then says nothing, is let go.
func TestK1WhoExpectsToContinueIsLetGo(t *testing.T) {
	t.Parallel()
	p := strict(t)
	for _, framing := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		s := newStranger(t, p.Address("orders"), "POST /in HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"+framing+"\r\n\r\n")
		if status, closing := s.response(); status != 401 || !closing || !s.ended() {
			t.Errorf("%s: status %d, closing %v, or the connection goes on", framing, status, closing)
		}
	}
}

// K1: a head is counted behind half of the preface of HTTP/2, too.
func TestK1HalfAPrefaceIsNone(t *testing.T) {
	t.Parallel()
	p := strict(t)
	s := newStranger(t, p.Address("orders"), "PRI * HTTP/2.0\r\n"+strings.Repeat("A: b\r\n", 600))
	if status, closing := s.response(); status != 431 || !closing {
		t.Errorf("status %d, closing %v, want 431 though the head has not ended", status, closing)
	}
}

// K1: a connection whose next request has begun to come is not idle.
func TestK1HalfAHeadIsNotIdle(t *testing.T) {
	t.Parallel()
	_, l := scene(t, proxy.Options{MaxConnections: 4})
	var clients []*stranger
	for i := range 4 {
		s := l.dial(t, fmt.Sprintf("192.0.2.%d", i+1), get)
		if status, _ := s.response(); status != 200 {
			t.Fatalf("status %d", status)
		}
		clients = append(clients, s)
	}
	time.Sleep(50 * time.Millisecond) // until all are idle for the proxy, too
	clients[0].write(get[:len(get)-2])
	time.Sleep(50 * time.Millisecond) // until that has come
	if status, _ := l.dial(t, "192.0.2.99", get).response(); status != 200 {
		t.Errorf("a newcomer: status %d", status)
	}
	clients[0].write("\r\n")
	if status, _ := clients[0].response(); status != 200 {
		t.Errorf("the one whose request was coming: status %d", status)
	}
}

// K1: silent connections do not keep a kubelet from the admin port.
func TestK1SilentConnectionsLeaveTheAdminPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := l.Addr().String()
	_ = l.Close()
	proxytest.Serve(t, proxy.Options{Admin: admin}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))))
	probe := func() bool {
		s, err := net.Dial("tcp", admin)
		if err != nil {
			return false
		}
		defer func() { _ = s.Close() }()
		_ = s.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(s, "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		response, _ := io.ReadAll(s)
		return strings.HasPrefix(string(response), "HTTP/1.1 200")
	}
	testkit.Eventually(t, "the admin port is there", probe)
	for range 100 {
		newStranger(t, admin, "")
	}
	for range 5 {
		if !probe() {
			t.Fatal("a probe was refused")
		}
	}
}

// Who speaks plainly to a listener with TLS is told so, once.
func TestPlainRequestsAreGreetedOnce(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "tls", newPair(t, "first"))
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)), secured))
	s := newStranger(t, p.Address("orders"), get)
	if all, _ := io.ReadAll(s.reader); strings.Count(string(all), "HTTP/1.1 400") != 1 || !strings.Contains(string(all), "https") {
		t.Errorf("%q", all)
	}
}
