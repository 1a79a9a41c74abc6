package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// What the process may grow by from the first reading to the last.
	maxHeap       = 2 << 20
	maxGoroutines = 5
	// settle is how long calls under way may take to end: the longest timeout, and more.
	settle = 5 * time.Second
	// idle is when connections that nobody uses are closed, and a little more.
	idle = 65 * time.Second
)

// reading is the state of the process while no call is under way.
type reading struct {
	heap       uint64
	goroutines int
}

func (r reading) String() string {
	return fmt.Sprintf("live heap %.2f MiB, %d goroutines", float64(r.heap)/(1<<20), r.goroutines)
}

func soak(ctx context.Context, span, first time.Duration, rate int) error {
	b, err := startBackends()
	if err != nil {
		return err
	}
	defer b.close()
	load := &load{client: &http.Transport{MaxIdleConnsPerHost: 64}}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	p := proxy.New(proxy.Options{
		Log: slog.New(slog.DiscardHandler), Credentials: fs.FS(fstest.MapFS{}), Dialer: dial.New(dial.Options{AllowLoopback: true}),
		Listen: load.listen, AccessLogSample: 1000, DrainTimeout: settle,
	})
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: routes(b.urls)})
	if err != nil {
		return fmt.Errorf("encode document: %w", err)
	}
	if err := p.Load(encoded); err != nil { //nolint:contextcheck // retired routes drain at their own pace
		return fmt.Errorf("load document: %w", err)
	}
	go func() { ended <- p.Run(ctx) }()
	fmt.Printf("soak: %d routes, %d calls a second for %v\n", len(load.addresses), rate, span)
	start := time.Now()
	load.run(ctx, first, rate)
	before := load.read()
	fmt.Printf("soak: after %v: %v; %v\n", time.Since(start).Round(time.Second), before, load)
	load.run(ctx, span-first, rate)
	after := load.read()
	fmt.Printf("soak: after %v: %v; %v\n", time.Since(start).Round(time.Second), after, load)
	heap, goroutines := int64(after.heap)-int64(before.heap), after.goroutines-before.goroutines
	fmt.Printf("soak: grown by %.2f MiB (at most %d) and %d goroutines (at most %d)\n", float64(heap)/(1<<20), maxHeap>>20, goroutines, maxGoroutines)
	stop()
	if err := <-ended; err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if heap > maxHeap || goroutines > maxGoroutines {
		return errors.New("it grows")
	}
	return nil
}

// routes are one for each policy and response type that go together.
func routes(urls []string) []routeconfig.Route {
	var list []routeconfig.Route
	for _, policy := range []string{"All", "Any", "Quorum", "Required", "BestEffort"} {
		for _, kind := range []string{"Envelope", "Merge", "Group", "First", "Primary"} {
			if policy == "Any" && kind == "Primary" {
				continue
			}
			r := routeconfig.Route{
				Namespace: "soak", Name: strings.ToLower(policy + kind), Listener: routeconfig.Listener{Port: 1 + len(list)},
				Validation: routeconfig.Validation{MaxBodySize: 1 << 20, BodyTimeout: routeconfig.Duration(settle)},
				Dispatch: routeconfig.Dispatch{
					Policy: policy, Quorum: 2, Timeout: routeconfig.Duration(time.Second), Stragglers: "Auto", MaxInFlight: 1024,
				},
				Response: routeconfig.Response{Type: kind, Diagnostics: "Full", IdleTimeout: routeconfig.Duration(time.Second)},
			}
			if policy == "Required" {
				r.Dispatch.Required = []int{0}
			}
			for i := range urls { // each behaviour is first, required and primary somewhere
				b := receiver(i, urls[(i+len(list))%len(urls)])
				if i == 6 {
					r.Shadows = append(r.Shadows, shadow(b, kind))
					continue
				}
				r.Backends = append(r.Backends, b)
			}
			list = append(list, r)
		}
	}
	return list
}

// receiver uses everything that keeps state.
func receiver(i int, url string) routeconfig.Backend {
	b := routeconfig.Backend{
		Name: "b" + strconv.Itoa(i), URL: url, Timeout: routeconfig.Duration(time.Second), MaxResponseSize: 1 << 20,
		Request:               routeconfig.Request{Path: routeconfig.PathURL},
		Retry:                 &routeconfig.Retry{Attempts: 2, Methods: "Idempotent", RetryOn: []string{"503"}, BudgetPercent: 20},
		Hedge:                 &routeconfig.Hedge{Percentile: 90, Max: 1, BudgetPercent: 10},
		CircuitBreaker:        &routeconfig.CircuitBreaker{FailurePercent: 80, MinimumRequests: 50, Window: routeconfig.Duration(10 * time.Second), OpenFor: routeconfig.Duration(time.Second), HalfOpenRequests: 2},
		MaxConcurrentRequests: 200, MaxQueuedRequests: 50,
	}
	if i == 1 {
		b.When = "request.method != 'POST' || request.body.n % 3 != 0"
	}
	return b
}

// shadow is compared by its body where responses are made of bodies.
func shadow(b routeconfig.Backend, kind string) routeconfig.Shadow {
	s := routeconfig.Shadow{Backend: b, Percent: 20, Compare: routeconfig.CompareOutcome}
	if kind == "Envelope" {
		s.Compare = routeconfig.CompareBody
	}
	return s
}

// load calls the routes.
type load struct {
	client                 *http.Transport
	mu                     sync.Mutex
	addresses              []string
	calls                  sync.WaitGroup
	sent, canceled, broken atomic.Int64
	lingered               atomic.Int64
	statuses               [6]atomic.Int64 // by their first digit
}

func (l *load) listen(*routeconfig.Route) (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addresses = append(l.addresses, listener.Addr().String())
	return listener, nil
}

// run sends calls at a pace, and returns when the last has ended.
func (l *load) run(ctx context.Context, span time.Duration, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for end := time.Now().Add(span); time.Now().Before(end) && ctx.Err() == nil; <-tick.C {
		l.calls.Go(func() { l.call(ctx) })
		if rand.IntN(50) == 0 {
			l.calls.Go(func() { l.linger(ctx) })
		}
	}
	l.calls.Wait()
}

// linger is a client that has a head and no body, or half a head, and waits for a while.
func (l *load) linger(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	refused := strings.Replace(head("/", 100, fields(200, 1)), "POST", "BREW", 1)
	whole := []string{head("/", 1<<20, nil), refused, head("/", 100, nil)[:40]}[rand.IntN(3)]
	l.lingered.Add(1)
	_ = (&silent{pace: time.Duration(rand.IntN(2)) * time.Millisecond}).client(ctx, l.addresses[rand.IntN(len(l.addresses))], whole) // whoever ends it
}

func (l *load) call(ctx context.Context) {
	limit := 10 * settle
	leaves := rand.IntN(10) == 0
	if leaves {
		limit = time.Duration(rand.IntN(50)) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	method, body := http.MethodGet, ""
	if rand.IntN(2) == 0 {
		method, body = http.MethodPost, fmt.Sprintf(`{"n":%d,"x":%q}`, rand.IntN(100), strings.Repeat("x", rand.IntN(20_000)))
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+l.addresses[rand.IntN(len(l.addresses))]+"/", strings.NewReader(body))
	if err != nil {
		return
	}
	l.sent.Add(1)
	response, err := l.client.RoundTrip(r)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		l.statuses[response.StatusCode/100].Add(1)
	}
	switch {
	case err == nil:
	case leaves:
		l.canceled.Add(1)
	default:
		l.broken.Add(1) // a streamed body whose backend broke off
	}
}

// String sums up what came of it so far.
func (l *load) String() string {
	return fmt.Sprintf("%d calls, %d left by their clients, %d clients that sent no body, %d bodies broken off, statuses 2xx %d, 4xx %d, 5xx %d", l.sent.Load(), l.canceled.Load(),
		l.lingered.Load(), l.broken.Load(), l.statuses[2].Load(), l.statuses[4].Load(), l.statuses[5].Load())
}

// read waits for stragglers, gives idle connections up and collects.
func (l *load) read() reading {
	l.client.CloseIdleConnections()
	time.Sleep(idle)
	var m runtime.MemStats
	for range 3 { // pools empty with the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return reading{m.HeapAlloc, runtime.NumGoroutine()}
}
