package rates

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	// hurry is the pace at which a route is polled whose proxies do not serve its
	// document yet.
	hurry = 500 * time.Millisecond
	// maxHurried bounds it: a proxy that refuses a document may do so for days.
	maxHurried = 120
	// Of a route, changed figures are shown at this pace, and no more than two
	// changes of figures or of a backend's state within this span.
	figuresEvery = 30 * time.Second
	budgetSpan   = time.Minute
	// workers bounds the requests under way.
	workers = 16
)

// Target is a proxy to poll.
type Target struct {
	// Name is the Pod's.
	Name string
	// URL is that of its /status.
	URL string
}

// Fetcher asks a proxy. It obeys ctx and bounds what it reads.
type Fetcher interface {
	Fetch(ctx context.Context, url string) (*stats.Report, error)
}

// Poller polls proxies. Its methods are safe for concurrent use.
type Poller struct {
	fetcher Fetcher
	every   time.Duration
	moved   func(types.NamespacedName)

	mu     sync.Mutex
	routes map[types.NamespacedName]*watched
}

// watched is one route.
type watched struct {
	targets  []Target
	document string
	polling  bool
	hurried  int // polls in a hurry since targets or document changed
	nextPoll time.Time
	heard    map[string]*heard // by Pod
	latest   *Observation
	shown    *Observation
	shownAt  [2]time.Time // the last two times within the budget, newest first
}

// heard is what one proxy said last.
type heard struct {
	proxy  Proxy
	report *stats.RouteReport
}

// New returns a Poller that calls moved, from its own goroutines, when what it
// shows of a route has changed.
func New(fetcher Fetcher, every time.Duration, moved func(types.NamespacedName)) *Poller {
	return &Poller{fetcher: fetcher, every: every, moved: moved, routes: map[types.NamespacedName]*watched{}}
}

// Set says which proxies a route has now, and which document they are to serve.
func (p *Poller) Set(route types.NamespacedName, targets []Target, document string) {
	slices.SortFunc(targets, func(a, b Target) int { return cmp.Compare(a.Name, b.Name) })
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.routes[route]
	if !ok {
		w = &watched{heard: map[string]*heard{}}
		p.routes[route] = w
	}
	if w.document == document && slices.Equal(w.targets, targets) {
		return
	}
	w.targets, w.document, w.nextPoll, w.hurried = targets, document, time.Time{}, 0
	if len(targets) == 0 { // what is said of proxies goes with the last of them
		w.shown = nil
	}
	for name := range w.heard {
		if !slices.ContainsFunc(targets, func(t Target) bool { return t.Name == name }) {
			delete(w.heard, name)
		}
	}
}

// Forget stops polling a route.
func (p *Poller) Forget(route types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.routes, route)
}

// Shown returns what was last found worth showing of a route. It is not to be
// changed, and nil before anything is known.
func (p *Poller) Shown(route types.NamespacedName) *Observation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.routes[route]; ok {
		return w.shown
	}
	return nil
}

// Run polls until ctx ends.
func (p *Poller) Run(ctx context.Context) error {
	slots := make(chan struct{}, workers)
	ticker := time.NewTicker(hurry)
	defer ticker.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for {
		for _, route := range p.due(time.Now()) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			running.Go(func() {
				defer func() { <-slots }()
				p.poll(ctx, route)
			})
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// due returns the routes whose time has come and marks them as being polled.
func (p *Poller) due(now time.Time) []types.NamespacedName {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []types.NamespacedName
	for name, w := range p.routes {
		if w.polling || now.Before(w.nextPoll) || len(w.targets) == 0 {
			continue
		}
		w.polling = true
		due = append(due, name)
	}
	return due
}

// poll asks all proxies of a route, one after another.
func (p *Poller) poll(ctx context.Context, route types.NamespacedName) {
	p.mu.Lock()
	w, ok := p.routes[route]
	if !ok {
		p.mu.Unlock()
		return
	}
	targets := slices.Clone(w.targets)
	p.mu.Unlock()
	answers := make([]*heard, len(targets))
	for i, t := range targets {
		answers[i] = p.ask(ctx, route, t)
	}
	if ctx.Err() == nil && p.take(route, targets, answers, time.Now()) {
		p.moved(route)
	}
}

func (p *Poller) ask(ctx context.Context, route types.NamespacedName, t Target) *heard {
	h := &heard{proxy: Proxy{Name: t.Name}}
	report, err := p.fetcher.Fetch(ctx, t.URL)
	if err != nil {
		return h
	}
	h.proxy.Reached, h.proxy.Document, h.proxy.Refused = true, report.Document, report.Refused
	for i := range report.Routes {
		if r := &report.Routes[i]; r.Namespace == route.Namespace && r.Name == route.Name {
			h.report = r
		}
	}
	return h
}

// take keeps what the proxies said and reports whether it is worth showing.
func (p *Poller) take(route types.NamespacedName, targets []Target, answers []*heard, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.routes[route]
	if !ok {
		return false
	}
	w.polling = false
	for i, t := range targets {
		if slices.Contains(w.targets, t) {
			w.heard[t.Name] = answers[i]
		}
	}
	w.latest = w.sum()
	w.nextPoll = now.Add(p.every)
	if !w.settled() && w.hurried < maxHurried {
		w.nextPoll = now.Add(hurry)
		w.hurried++
	}
	return w.show(now)
}

// sum adds up what is known of the current proxies.
func (w *watched) sum() *Observation {
	o := &Observation{}
	var reports []stats.RouteReport
	for _, t := range w.targets {
		h, ok := w.heard[t.Name]
		if !ok {
			continue
		}
		o.Proxies = append(o.Proxies, h.proxy)
		if h.report != nil {
			reports = append(reports, *h.report)
		}
	}
	o.Sum = stats.Merge(reports)
	return o
}

// settled reports whether every proxy serves the document.
func (w *watched) settled() bool {
	return !slices.ContainsFunc(w.latest.Proxies, func(p Proxy) bool { return p.Document != w.document })
}

// show decides whether the latest is worth showing: who serves what and what is
// missing at once, since conditions hang on it; how backends stand at once too, but
// twice a minute at most, and figures at their pace.
func (w *watched) show(now time.Time) bool {
	spare := now.Sub(w.shownAt[1]) >= budgetSpan
	switch {
	case w.shown == nil, w.latest.changed(w.shown):
		w.shown = w.latest
		return true
	case spare && w.latest.standsOtherwise(w.shown):
	case spare && now.Sub(w.shownAt[0]) >= figuresEvery && w.latest.moved(w.shown):
	default:
		return false
	}
	w.shown, w.shownAt = w.latest, [2]time.Time{now, w.shownAt[0]}
	return true
}
