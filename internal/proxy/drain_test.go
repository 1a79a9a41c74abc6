package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// inTime is longer than the proxies of these tests may take to end once calls are cut.
const inTime = 4 * time.Second

// endless answers with a head, and bytes for as long as anybody reads.
func endless(piece string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// hanging does not answer at all.
func hanging(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func exchange(ctx context.Context, t *testing.T, transport *http.Transport, method, address, body string) (*http.Response, error) {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(ctx, method, "http://"+address+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return transport.RoundTrip(r)
}

func stopped(t *testing.T, p *proxytest.Proxy, since time.Time, limit time.Duration) {
	t.Helper()
	select {
	case <-p.Stopped:
	case <-time.After(time.Until(since.Add(limit))):
		t.Fatalf("still there %s after the stop", time.Since(since))
	}
}

// P3: streams that do not end are cut when their time is up: the client sees a break, the
// call has failed, its answer is canceled, and both are counted and logged before the end.
func TestP3StreamsAreCutAtTheEndOfTheDrain(t *testing.T) {
	t.Parallel()
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	for name, transport := range map[string]*http.Transport{"HTTP/1.1": {}, "HTTP/2": {Protocols: h2c}} {
		b := testkit.NewBackend(t, endless("data: x\n\n"))
		p := proxytest.Serve(t, proxy.Options{DrainTimeout: 300 * time.Millisecond},
			testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), response("First")))
		r, err := exchange(t.Context(), t, transport, "GET", p.Address("orders"), "")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p.Stop()
		if _, err := io.ReadAll(r.Body); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: the cut looks like an end: %v", name, err)
		}
		if early := time.Since(began); early < 300*time.Millisecond {
			t.Errorf("%s: cut after %s", name, early)
		}
		_ = r.Body.Close()
		stopped(t, p, began, inTime)
		if c := p.Calls("orders"); c.Failed != 1 || c.ClientClosed != 0 {
			t.Errorf("%s: calls %+v, want one that failed", name, c)
		}
		if a := p.Answers("orders", 0); a.Canceled != 1 || a.FailedTotal() != 0 {
			t.Errorf("%s: answers %+v, want one that was canceled", name, a)
		}
		lines := p.Log.Lines(t, "call")
		if len(lines) != 1 || lines[0]["outcome"] != "failed" || lines[0]["status"] != 200.0 {
			t.Errorf("%s: the log says %v", name, lines)
		}
		if lines := p.Log.Lines(t, "drained"); len(lines) != 1 || lines[0]["cut"] != 1.0 {
			t.Errorf("%s: the log says %v of the drain", name, lines)
		}
	}
}

// P3: a client that does not read holds nobody up, and what is decided stays so.
func TestP3SlowReadersAreCutAtTheEndOfTheDrain(t *testing.T) {
	t.Parallel()
	big := testkit.NewBackend(t, testkit.Respond(200, "text/plain", strings.Repeat("x", 16<<20)))
	for _, kind := range []string{"First", "Envelope"} {
		p := proxytest.Serve(t, proxy.Options{DrainTimeout: 300 * time.Millisecond}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", big.URL, func(b *routeconfig.Backend) {
				b.MaxResponseSize, b.Timeout = 32<<20, testkit.Span(time.Minute)
			})), response(kind), func(r *routeconfig.Route) { r.Dispatch.Timeout = testkit.Span(time.Minute) }))
		conn, err := net.Dial("tcp", p.Address("orders"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil { // it has begun
			t.Fatal(err)
		}
		began := time.Now()
		p.Stop()
		stopped(t, p, began, inTime)
		_ = conn.Close()
		if lines := p.Log.Lines(t, "call"); len(lines) != 1 || lines[0]["status"] != 200.0 {
			t.Errorf("%s: the log says %v", kind, lines)
		}
		if c := p.Calls("orders"); c.Complete+c.Failed != 1 {
			t.Errorf("%s: calls %+v, want one", kind, c)
		}
	}
}

// P3: a call that is not decided when its time is up is told so, whatever its stragglers
// are to do; one whose client left before is still its own.
func TestP3CallsAreCutAtTheEndOfTheDrain(t *testing.T) {
	t.Parallel()
	for _, stragglers := range []string{"Auto", "Cancel", "Finish", "Wait"} {
		slow := testkit.NewBackend(t, hanging)
		p := proxytest.Serve(t, proxy.Options{DrainTimeout: 300 * time.Millisecond}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", testkit.NewBackend(t, nil).URL), testkit.Receiver("slow", slow.URL)),
			func(r *routeconfig.Route) { r.Dispatch.Stragglers = stragglers }))
		got := make(chan *http.Response, 1)
		go func() {
			r, _ := exchange(t.Context(), t, &http.Transport{}, "POST", p.Address("orders"), "{}")
			got <- r
		}()
		testkit.Eventually(t, "the call is under way", func() bool { return slow.Count() == 1 && p.Answers("orders", 0).Succeeded == 1 })
		began := time.Now()
		p.Stop()
		r := <-got
		if r == nil {
			t.Fatalf("%s: no response", stragglers)
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "/stopping") ||
			!strings.Contains(r.Header.Get("Fanout-Backends"), "slow;outcome=canceled") || r.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %d %v %s", stragglers, r.StatusCode, r.Header, body)
		}
		stopped(t, p, began, inTime)
		if c := p.Calls("orders"); c.Failed != 1 || c.ClientClosed != 0 {
			t.Errorf("%s: calls %+v, want one that failed", stragglers, c)
		}
		if a := p.Answers("orders", 1); a.Canceled != 1 {
			t.Errorf("%s: answers %+v, want one that was canceled", stragglers, a)
		}
		if lines := p.Log.Lines(t, "call"); len(lines) != 1 || lines[0]["status"] != 503.0 || lines[0]["outcome"] != "failed" {
			t.Errorf("%s: the log says %v", stragglers, lines)
		}
	}
}

// P3: bodies that do not come, stragglers that do not end and streams of a route that is no
// more are over in time too.
func TestP3NothingOutlivesTheDrain(t *testing.T) {
	t.Parallel()
	slow, streams := testkit.NewBackend(t, hanging), testkit.NewBackend(t, endless("x"))
	removed := testkit.Route("removed", testkit.Receivers(testkit.Receiver("one", streams.URL)), response("First"))
	orders := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL), testkit.Receiver("slow", slow.URL)),
		policy("Any", 0), func(r *routeconfig.Route) { r.Dispatch.Stragglers = routeconfig.StragglersFinish })
	p := proxytest.Serve(t, proxy.Options{DrainTimeout: 300 * time.Millisecond}, orders, removed)
	if r, err := exchange(t.Context(), t, &http.Transport{}, "GET", p.Address("removed"), ""); err != nil {
		t.Fatal(err)
	} else {
		defer func() { _ = r.Body.Close() }()
	}
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	conn, err := net.Dial("tcp", p.Address("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
	time.Sleep(50 * time.Millisecond) // it is being read
	p.Load(orders)
	began := time.Now()
	p.Stop()
	stopped(t, p, began, inTime)
	statuses := map[string]float64{}
	for _, line := range p.Log.Lines(t, "call") {
		statuses[line["route"].(string)+" "+line["method"].(string)], _ = line["status"].(float64)
	}
	if len(p.Log.Lines(t, "call")) != 3 || statuses["shop/removed GET"] != 200 || statuses["shop/orders POST"] == 499 {
		t.Errorf("the log says %v", p.Log.Lines(t, "call"))
	}
	if lines := p.Log.Lines(t, "drained"); len(lines) != 1 || lines[0]["stragglersCut"] != 1.0 {
		t.Errorf("the log says %v of the drain", lines)
	}
}

// P3: where nothing is said, calls have as long as their route's own timeouts give them.
func TestP3DrainIsBoundedWithoutAnOperator(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, endless("x"))
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL,
		func(b *routeconfig.Backend) { b.Timeout = testkit.Span(300 * time.Millisecond) })), response("First"), func(r *routeconfig.Route) {
		r.Validation.BodyTimeout, r.Dispatch.Timeout = testkit.Span(200*time.Millisecond), testkit.Span(100*time.Millisecond)
	}))
	r, err := exchange(t.Context(), t, &http.Transport{}, "GET", p.Address("orders"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	began := time.Now()
	p.Stop()
	stopped(t, p, began, inTime)
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("cut after %s, want 500 ms", took)
	}
}
