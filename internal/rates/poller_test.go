package rates

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/writes"
)

var orders = types.NamespacedName{Namespace: "shop", Name: "orders"}

// proxies are those of one route, in memory.
type proxies struct {
	mu       sync.Mutex
	backends map[string]*stats.Backend // by URL
	calls    map[string]*stats.Route
	document string
	missing  []stats.MissingKey
	down     map[string]bool
	pattern  map[string]string // by URL: + for an answer, - for none, again and again
	asked    map[string]int
	fetched  int
}

func newProxies(document string, urls ...string) *proxies {
	p := &proxies{document: document, backends: map[string]*stats.Backend{}, calls: map[string]*stats.Route{}, down: map[string]bool{}, asked: map[string]int{}}
	for _, url := range urls {
		p.backends[url], p.calls[url] = stats.NewBackend(time.Now()), stats.NewRoute(time.Now())
	}
	return p
}

func (p *proxies) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *proxies) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched
}

// Fetch implements Fetcher.
func (p *proxies) Fetch(_ context.Context, url string, _ stats.Bounds) (*stats.Report, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetched++
	p.asked[url]++
	if pattern := p.pattern[url]; p.down[url] || pattern != "" && pattern[p.asked[url]%len(pattern)] == '-' {
		return nil, errors.New("connection refused")
	}
	now := time.Now()
	return &stats.Report{Document: p.document, Ready: true, Routes: []stats.RouteReport{{
		Namespace: "shop", Name: "orders", Missing: p.missing, Windows: p.calls[url].Windows(now),
		Backends: []stats.BackendReport{p.backends[url].Report(now, "one")},
	}}}, nil
}

// call counts a call of every proxy.
func (p *proxies) call(status int, took time.Duration) {
	a := fanout.Answer{Outcome: fanout.Succeeded, Status: status, Elapsed: took, Attempts: 1}
	outcome := fanout.Complete
	if status/100 != 2 {
		a.Outcome, a.Reason, outcome = fanout.Failed, fanout.Status, fanout.Unmet
	}
	for _, url := range slices.Sorted(maps.Keys(p.backends)) {
		p.backends[url].Record(time.Now(), &a)
		p.calls[url].Record(time.Now(), outcome, took)
	}
}

// answer counts a call of the first proxy alone.
func (p *proxies) answer(status int, took time.Duration) {
	a := fanout.Answer{Outcome: fanout.Succeeded, Status: status, Elapsed: took, Attempts: 1}
	if status/100 != 2 {
		a.Outcome, a.Reason = fanout.Failed, fanout.Status
	}
	p.backends["http://a/status"].Record(time.Now(), &a)
}

// changes are the times at which something was worth showing.
type changes struct {
	mu sync.Mutex
	at []time.Time
}

func (c *changes) add(route types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if route == orders {
		c.at = append(c.at, time.Now())
	}
}

// take returns the times since the last take.
func (c *changes) take() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.at
	c.at = nil
	return at
}

// polled runs a poller over proxies a and b for the time that during takes.
func polled(t *testing.T, during func(p *proxies, poller *Poller, moved *changes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newProxies("h1", "http://a/status", "http://b/status")
		moved := &changes{}
		poller := New(p, 5*time.Second, moved.add)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- poller.Run(ctx) }()
		poller.Set(orders, targets("a", "b"), want("h1"))
		time.Sleep(6 * time.Second)
		moved.take() // the first sight
		during(p, poller, moved)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func targets(names ...string) (list []Target) {
	for _, name := range names {
		list = append(list, Target{Name: name, URL: fmt.Sprintf("http://%s/status", name)})
	}
	return list
}

func want(document string) Want { return Want{Document: document, Backends: []string{"one"}} }

// Budget: no status write in ten minutes of steady load.
//
// Case D1 of the field.
func TestD1SteadyLoadShowsNothing(t *testing.T) {
	t.Parallel()
	polled(t, func(p *proxies, _ *Poller, moved *changes) {
		load := func(span time.Duration) {
			for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				status := 200
				if time.Now().UnixMilli()/100%10 == 0 {
					status = 503
				}
				p.call(status, 20*time.Millisecond)
			}
		}
		load(6 * time.Minute) // until the window is full
		moved.take()
		load(10 * time.Minute)
		if shown := moved.take(); len(shown) > 0 {
			t.Errorf("%d changes were shown in ten minutes of steady load, want none", len(shown))
		}
	})
}

// Wild figures are shown twice a minute. What a status may take beyond them is counted
// where it is written.
//
// Case D1 of the field.
func TestD1WildFiguresAreShownTwiceAMinute(t *testing.T) {
	t.Parallel()
	polled(t, func(p *proxies, _ *Poller, moved *changes) {
		p.call(200, time.Millisecond)
		time.Sleep(6 * time.Second)
		moved.take() // the first call
		for i := range 1200 {
			for range i % 60 {
				p.call(200, time.Duration(1+i)*time.Millisecond)
			}
			time.Sleep(time.Second)
		}
		shown := moved.take()
		if len(shown) == 0 || len(shown) > 40 {
			t.Errorf("%d changes were shown in 20 minutes, want some and at most 40", len(shown))
		}
		for i := 1; i < len(shown); i++ {
			if span := shown[i].Sub(shown[i-1]); span < writes.FiguresEvery {
				t.Errorf("two changes within %v", span)
			}
		}
	})
}

func TestWhatMattersIsShownAtOnce(t *testing.T) {
	t.Parallel()
	polled(t, func(p *proxies, poller *Poller, moved *changes) {
		within := 6 * time.Second
		seen := func(what string, want func(o *Observation) bool) {
			t.Helper()
			time.Sleep(within)
			if shown := moved.take(); len(shown) != 1 || !want(poller.Shown(orders)) {
				t.Errorf("%s: shown %d times: %+v", what, len(shown), poller.Shown(orders))
			}
		}
		p.change(func() { p.missing = []stats.MissingKey{{Secret: "s", Key: "k"}} })
		seen("a missing key", func(o *Observation) bool { return len(o.Sum.Missing) == 1 })
		p.change(func() { p.missing = nil })
		seen("it is there again (D7)", func(o *Observation) bool { return len(o.Sum.Missing) == 0 })
		within = 20 * time.Second // it takes three polls
		p.change(func() { p.down["http://b/status"] = true })
		seen("a proxy that does not answer", func(o *Observation) bool { return !o.Proxies[1].Reached })
		p.change(func() { delete(p.down, "http://b/status") })
		seen("it answers again", func(o *Observation) bool { return o.Proxies[1].Reached })
		within = time.Second
		poller.Set(orders, targets("a"), want("h1"))
		seen("a proxy that is gone", func(o *Observation) bool { return len(o.Proxies) == 1 })
	})
}

// While proxies do not serve the document yet they are asked every half second, and in the first one more often.
func TestRolloutsArePolledInAHurry(t *testing.T) {
	t.Parallel()
	polled(t, func(p *proxies, poller *Poller, moved *changes) {
		poller.Set(orders, targets("a", "b"), want("h2"))
		before := p.count()
		time.Sleep(3 * time.Second)
		if asked := p.count() - before; asked < 20 || asked > 28 {
			t.Errorf("two proxies were asked %d times in 3 s, want about 24", asked)
		}
		changed := time.Now()
		p.change(func() { p.document = "h2" })
		time.Sleep(2 * time.Second)
		if shown := moved.take(); len(shown) == 0 || shown[0].Sub(changed) > time.Second {
			t.Errorf("the new document was shown at %v, want within a second of %v", shown, changed)
		}
	})
}

func TestForgottenRoutesAreNotPolled(t *testing.T) {
	t.Parallel()
	polled(t, func(p *proxies, poller *Poller, _ *changes) {
		poller.Forget(orders)
		before := p.count()
		time.Sleep(time.Minute)
		if p.count() > before || poller.Shown(orders) != nil {
			t.Errorf("a forgotten route was polled %d times", p.count()-before)
		}
	})
}

func TestJudge(t *testing.T) {
	t.Parallel()
	failed := func(n uint64) map[stats.Reason]uint64 { return map[stats.Reason]uint64{"status": n} }
	for name, row := range map[string]struct {
		answers stats.Answers
		circuit stats.Circuit
		want    v1alpha1.BackendState
	}{
		"nothing":                       {stats.Answers{}, "", v1alpha1.BackendIdle},
		"rejected only":                 {stats.Answers{Rejected: map[stats.Reason]uint64{"rateLimited": 5}}, "", v1alpha1.BackendIdle},
		"all well":                      {stats.Answers{Succeeded: 100}, "", v1alpha1.BackendHealthy},
		"callers' faults":               {stats.Answers{Succeeded: 1, Failed: failed(99)}, "", v1alpha1.BackendHealthy},
		"a few faults":                  {stats.Answers{Succeeded: 96, Failed: failed(4), Faulty: 4}, "", v1alpha1.BackendHealthy},
		"one in twenty":                 {stats.Answers{Succeeded: 95, Failed: failed(5), Faulty: 5}, "", v1alpha1.BackendDegraded},
		"half":                          {stats.Answers{Succeeded: 50, Failed: failed(50), Faulty: 50}, "", v1alpha1.BackendFailing},
		"dead behind Any":               {stats.Answers{Canceled: 100, Late: 100}, "", v1alpha1.BackendSlow},
		"canceled early":                {stats.Answers{Canceled: 100, Late: 10}, "", v1alpha1.BackendIdle},
		"canceled early, heard once":    {stats.Answers{Succeeded: 1, Canceled: 100, Late: 10}, "", v1alpha1.BackendHealthy},
		"an open circuit":               {stats.Answers{}, "open", v1alpha1.BackendOpen},
		"one that is being probed":      {stats.Answers{Succeeded: 1}, "halfOpen", v1alpha1.BackendOpen},
		"a closed circuit":              {stats.Answers{Succeeded: 1}, "closed", v1alpha1.BackendHealthy},
		"slow more often than answered": {stats.Answers{Succeeded: 40, Canceled: 60, Late: 60}, "", v1alpha1.BackendSlow},
	} {
		if got := Judge(&stats.BackendReport{Windows: stats.Windowed(Window, stats.AnswersWindow{Answers: row.answers}), Circuit: row.circuit}, ""); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}
