package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	sharers      = 3
	sharedLimit  = 100 // calls a second, of all proxies together
	offered      = 10 * sharedLimit
	sharedSpan   = 60 * time.Second
	outageSpan   = 10 * time.Second
	storeBudget  = 50 * time.Millisecond
	costCalls    = 4000
	within       = 0.02
	withinShares = 0.10
)

// shared lets three proxies count together in a real Redis, at ten times the limit; then the
// store is killed, paused, and there again.
func shared(string) (section string, wrong []string, err error) {
	redis, err := startRedis()
	if err != nil {
		return "", nil, err
	}
	defer redis.kill()
	var b strings.Builder
	fmt.Fprintf(&b, "## Redis\n\n%d proxies share a limit of %d calls a second in one %s, and get %d. The store's budget is %v.\n\n", sharers, sharedLimit, redis.version, offered, storeBudget)
	b.WriteString("| the store | onStoreFailure | s | admitted a second | 429 | 503 | p50 | p99 |\n|---|---|---|---|---|---|---|---|\n")
	for _, onFailure := range []string{routeconfig.StoreFailureLocalShare, routeconfig.StoreFailureAllow, routeconfig.StoreFailureDeny} {
		addresses, stop, err := startSharers(redis.address, onFailure)
		if err != nil {
			stop()
			return "", nil, err
		}
		wrong = append(wrong, redis.outages(&b, addresses, onFailure)...)
		stop()
	}
	cost, err := redis.cost()
	if err != nil {
		return "", nil, err
	}
	b.WriteString("\n" + cost)
	return b.String(), wrong, nil
}

// outages runs one load after another, and says what was not as it is declared.
func (r *redisServer) outages(b *strings.Builder, addresses []string, onFailure string) (wrong []string) {
	span := sharedSpan
	if onFailure != routeconfig.StoreFailureLocalShare {
		span = outageSpan
	}
	pause, resume := func() { r.signal(syscall.SIGSTOP) }, func() { r.signal(syscall.SIGCONT) }
	for _, phase := range []struct {
		name   string
		begin  func()
		span   time.Duration
		answer bool
	}{
		{"answers", func() {}, span, true}, {"is killed", r.kill, outageSpan, false}, {"is back", func() { _ = r.start() }, outageSpan, true},
		{"is paused", pause, outageSpan, false}, {"goes on", resume, outageSpan, true},
	} {
		phase.begin()
		time.Sleep(2 * time.Second) // until the proxies have found out
		l := offer(addresses, phase.span)
		rate := float64(l.statuses[http.StatusOK]) / l.span.Seconds()
		fmt.Fprintf(b, "| %s | %s | %.0f | %.1f | %d | %d | %v | %v |\n", phase.name, onFailure, l.span.Seconds(), rate,
			l.statuses[http.StatusTooManyRequests], l.statuses[http.StatusServiceUnavailable], l.quantile(50), l.quantile(99))
		want, tolerance := float64(sharedLimit), within
		switch {
		case phase.answer:
		case onFailure == routeconfig.StoreFailureAllow:
			want, tolerance = float64(l.calls)/l.span.Seconds(), 0
		case onFailure == routeconfig.StoreFailureDeny:
			want, tolerance = 0, 0
		default:
			tolerance = withinShares
		}
		if rate < want*(1-tolerance)-0.01 || rate > want*(1+tolerance)+0.01 {
			wrong = append(wrong, fmt.Sprintf("shared: the store %s, %s: %.1f calls a second admitted, want %.1f", phase.name, onFailure, rate, want))
		}
	}
	return wrong
}

// cost is what a shared limit takes of a call, beside a local one and none.
func (r *redisServer) cost() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls one after another, by one client of one proxy:\n\n| limit | p50 | p99 |\n|---|---|---|\n", costCalls)
	wide := routeconfig.RateLimit{Name: "wide", Requests: 1_000_000, Burst: 1_000_000, Per: routeconfig.Duration(time.Second)}
	for _, row := range []struct {
		name   string
		modify func(*routeconfig.Route)
	}{
		{"none", func(*routeconfig.Route) {}},
		{"`scope: Replica`", func(r *routeconfig.Route) { r.RateLimits = []routeconfig.RateLimit{wide} }},
		{"`scope: Route`", func(route *routeconfig.Route) {
			route.RateLimits = []routeconfig.RateLimit{wide}
			store(r.address, routeconfig.StoreFailureDeny)(route)
		}},
	} {
		address, stop, err := startProxy(row.modify, &recorder{})
		if err != nil {
			stop()
			return "", err
		}
		time.Sleep(time.Second)
		l := newLoad()
		client := &http.Client{}
		for range costCalls {
			l.ask(client, "http://"+address+"/")
		}
		client.CloseIdleConnections()
		stop()
		if n := l.statuses[http.StatusOK]; n != costCalls {
			return "", fmt.Errorf("cost of %s: %d of %d calls are 200", row.name, n, costCalls)
		}
		fmt.Fprintf(&b, "| %s | %v | %v |\n", row.name, l.quantile(50), l.quantile(99))
	}
	return b.String(), nil
}

func store(address, onFailure string) func(*routeconfig.Route) {
	return func(r *routeconfig.Route) {
		for i := range r.RateLimits {
			r.RateLimits[i].Shared, r.RateLimits[i].OnStoreFailure = true, onFailure
		}
		r.RateLimitStore = &routeconfig.RateLimitStore{
			Addresses: []string{address}, Topology: routeconfig.TopologyStandalone, Prefix: "fanout:" + onFailure + ":",
			Timeout: routeconfig.Duration(storeBudget), Proxies: sharers,
		}
	}
}

func startSharers(redis, onFailure string) (addresses []string, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for range sharers {
		address, end, err := startProxy(func(r *routeconfig.Route) {
			r.RateLimits = []routeconfig.RateLimit{{Name: "few", Requests: sharedLimit, Burst: sharedLimit / 10, Per: routeconfig.Duration(time.Second)}}
			store(redis, onFailure)(r)
		}, &recorder{})
		stops = append(stops, end)
		if err != nil {
			return nil, stop, err
		}
		addresses = append(addresses, address)
	}
	return addresses, stop, nil
}

// load is what became of calls.
type load struct {
	mu       sync.Mutex
	statuses map[int]int
	took     []time.Duration
	calls    int
	span     time.Duration
}

func newLoad() *load { return &load{statuses: map[int]int{}} }

func (l *load) ask(client *http.Client, url string) {
	begun, status := time.Now(), 0
	if response, err := client.Get(url); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		status = response.StatusCode
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.statuses[status]++
	l.took = append(l.took, time.Since(begun))
	l.calls++
}

func (l *load) quantile(percent int) time.Duration {
	slices.Sort(l.took)
	return l.took[min(len(l.took)*percent/100, len(l.took)-1)].Round(10 * time.Microsecond)
}

// offer sends calls to all proxies in turn at an even rate, whatever becomes of them.
func offer(addresses []string, span time.Duration) *load {
	const workers = 50
	l, begun := newLoad(), time.Now()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	var turn atomic.Int64
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for {
				n := turn.Add(1)
				due := begun.Add(time.Duration(n) * time.Second / offered)
				if due.Sub(begun) > span {
					return
				}
				time.Sleep(time.Until(due))
				l.ask(client, "http://"+addresses[int(n)%len(addresses)]+"/")
			}
		})
	}
	running.Wait()
	l.span = time.Since(begun)
	return l
}

// redisServer is a redis-server on loopback that keeps nothing.
type redisServer struct {
	address, version string
	cmd              *exec.Cmd
}

func startRedis() (*redisServer, error) {
	version, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("find redis-server (install Debian's package): %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	words := strings.Fields(string(version)) // Redis server v=7.0.15 …
	r := &redisServer{address: l.Addr().String(), version: "Redis " + strings.TrimPrefix(words[2], "v=")}
	_ = l.Close()
	return r, r.start()
}

func (r *redisServer) start() error {
	host, port, _ := net.SplitHostPort(r.address)
	r.cmd = exec.CommandContext(context.Background(), "redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no") //nolint:gosec // our own address
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	return nil
}

func (r *redisServer) signal(s syscall.Signal) { _ = r.cmd.Process.Signal(s) }

func (r *redisServer) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}
