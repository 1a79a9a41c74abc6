package browser

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// program is fanoutctl, as it is built.
func program() string {
	if path := os.Getenv("FANOUTCTL"); path != "" {
		return path
	}
	return filepath.Join("..", "..", "bin", "fanoutctl")
}

// begin runs fanoutctl to the end of the test, and returns what its first line says after a word.
func begin(t *testing.T, word string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program(), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(t.TempDir(), "none"))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("fanoutctl %v printed nothing", args)
	}
	_, said, ok := strings.Cut(lines.Text(), word+" ")
	if !ok {
		t.Fatalf("fanoutctl %v printed %q", args, lines.Text())
	}
	return said
}

func answering(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

const route = `apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: orders, namespace: shop}
spec:
  listener: {port: 18080, matches: [{path: {type: PathPrefix, value: /orders}}]}
  dispatch: {successPolicy: {type: BestEffort}, timeout: 5s}
  backends:
  - {name: steady, url: "%s", maxConcurrentRequests: 8}
  - {name: flaky, url: "%s", retry: {attempts: 3, methods: All, backoff: {initial: 10ms, max: 20ms}}}
  - {name: slow, url: "%s", retry: {methods: All}, hedge: {delay: 60ms}}
  - {name: broken, url: "%s", circuitBreaker: {failurePercent: 50, minimumRequests: 5, window: 30s, openFor: 60s}}
  - {name: candidate, url: "%s", shadow: {percent: 100, compare: Body}}
`

// The whole of it as it is: fanoutctl run serves a route whose backends are slow, flaky and broken;
// fanoutctl dash shows each call as it ran, and nothing that was sent.
func TestCallsOfARunningProxy(t *testing.T) {
	var tries, late atomic.Int64
	json := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text))
	}
	file := filepath.Join(t.TempDir(), "route.yaml")
	text := fmt.Sprintf(route,
		answering(t, func(w http.ResponseWriter, _ *http.Request) { json(w, `{"a":1}`) }),
		answering(t, func(w http.ResponseWriter, _ *http.Request) {
			if tries.Add(1)%2 == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			json(w, `{"b":1}`)
		}),
		answering(t, func(w http.ResponseWriter, r *http.Request) {
			if late.Add(1)%2 == 1 {
				select {
				case <-r.Context().Done():
				case <-time.After(5 * time.Second):
				}
			}
			json(w, `{"c":1}`)
		}),
		answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }),
		answering(t, func(w http.ResponseWriter, _ *http.Request) { json(w, `{"a":2}`) }))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := freeAddress(t)
	url := begin(t, "route shop/orders", "run", "-f", file, "--admin", admin)
	page := begin(t, "page", "dash", "--port", "0", "--admin", "http://"+admin)
	b := open(t, page, "light", "502", "404") // the admin port opens last
	b.shows("shop/orders", "no operator: standalone", "Serving")
	b.must(b.Click("a[href='#/routes/shop/orders']"))
	b.shows("No call yet since you look")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); keepCalling(ctx, url+"/orders/path-secret?q=query-secret") }()
	defer func() { stop(); <-done }()
	b.shows("partial 207", "retry", "hedge", "– lost", "decided by", "✓ succeeded 200")
	b.must(b.Await("document.querySelectorAll('.calls li').length >= 5"))
	b.shows("⊘ rejected", "circuit open", "≠ other body", "0 of 8 slots") // by then the breaker is open
	if seen := b.text("document.documentElement.innerHTML + JSON.stringify(performance.getEntriesByType('resource').map((e) => e.name))"); strings.Contains(seen, "secret") {
		t.Error("what a client has sent is on the page")
	}
	if elsewhere := b.text("performance.getEntriesByType('resource').filter((e) => !e.name.startsWith(location.origin)).map((e) => e.name).join()"); elsewhere != "" {
		t.Errorf("the page asked for %s", elsewhere)
	}
	b.must(b.Click("section[aria-labelledby=live] button:last-of-type")) // Pause
	b.shows("Go on")
	held := b.text("document.querySelector('.calls').innerText")
	b.must(b.Await("performance.getEntriesByType('resource').length > " + b.text("performance.getEntriesByType('resource').length + 3")))
	if now := b.text("document.querySelector('.calls').innerText"); now != held {
		t.Error("the list goes on though it was paused")
	}
}

// freeAddress is one of loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// keepCalling makes a call after the other.
func keepCalling(ctx context.Context, url string) {
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"x":"body-secret"}`))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Field", "field-secret")
		response, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			_ = response.Body.Close()
		}
		timer := time.NewTimer(150 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}
