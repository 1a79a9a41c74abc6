package rates

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
)

// breath is the least time between two looks at who is due.
const breath = 50 * time.Millisecond

// Target is a proxy to poll.
type Target struct {
	// Name is the Pod's.
	Name string
	// URL is that of its /status.
	URL string
}

// Want is what a route's proxies are to serve.
type Want struct {
	// Document is the hash of the route's document.
	Document string
	// Backends, Secrets, ConfigMaps and Rules are the names in the route's spec: a proxy may speak
	// of no others. Where they are nil it may speak of any that are well-formed.
	Backends, Secrets, ConfigMaps, Rules []string
	// Audiences are those of the service account's tokens that the spec asks for.
	Audiences []string
}

// Fetcher asks a proxy. It fails with a stats.VersionError where that answers in a version
// that cannot be read here. It obeys ctx, and reads and returns no more than bounds allow.
// It is called from many goroutines at once.
type Fetcher interface {
	Fetch(ctx context.Context, url string, bounds stats.Bounds) (*stats.Report, error)
}

// Poller polls proxies, side by side. Its methods are safe for concurrent use.
type Poller struct {
	fetcher Fetcher
	every   time.Duration
	moved   func(types.NamespacedName)
	wake    chan struct{}

	counted  *counted
	standing standing

	mu      sync.Mutex
	routes  map[types.NamespacedName]*watched
	proxies map[proxyID]*contact
	rooms   map[string]*room // by namespace
	lanes   [lanes]*lane
	looks   time.Time // when Run looks again
}

// New returns a Poller that calls moved, from its own goroutines, when what it
// shows of a route has changed. Proxies that answer are asked at the pace of every.
func New(fetcher Fetcher, every time.Duration, moved func(types.NamespacedName)) *Poller {
	return &Poller{
		fetcher: fetcher, every: every, moved: moved, wake: make(chan struct{}, 1), counted: newPolled(), standing: newStanding(),
		routes: map[types.NamespacedName]*watched{}, proxies: map[proxyID]*contact{}, rooms: map[string]*room{}, lanes: newLanes(),
	}
}

// Set says which proxies a route has now, and what they are to serve. A proxy that is
// new, and all where the document is, are asked at once. Routes of a namespace may have
// proxies in common: each is asked once for all of them, and its report is divided.
func (p *Poller) Set(route types.NamespacedName, targets []Target, want Want) {
	slices.SortFunc(targets, func(a, b Target) int { return cmp.Compare(a.Name, b.Name) })
	bounds := stats.RouteBounds{
		Namespace: route.Namespace, Name: route.Name,
		Backends: among(want.Backends), Secrets: among(want.Secrets), ConfigMaps: among(want.ConfigMaps), Rules: among(want.Rules), Audiences: among(want.Audiences),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.routes[route]
	if !ok {
		w = &watched{key: route, room: p.enter(route.Namespace)}
		p.routes[route] = w
	}
	w.bounds = bounds
	if p.set(w, targets, want.Document, time.Now()) {
		p.stir()
	}
}

// enter returns the room of a namespace for one route more.
func (p *Poller) enter(namespace string) *room {
	of, ok := p.rooms[namespace]
	if !ok {
		of = &room{}
		p.rooms[namespace] = of
	}
	of.routes++
	return of
}

func among(names []string) map[string]bool {
	if names == nil {
		return nil
	}
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// stir makes Run look at once.
func (p *Poller) stir() {
	select {
	case p.wake <- struct{}{}:
	default: // it is about to
	}
}

// Forget stops polling a route.
func (p *Poller) Forget(route types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.routes[route]
	if !ok {
		return
	}
	delete(p.routes, route)
	p.set(w, nil, "", time.Time{})
	if w.room.routes--; w.room.routes == 0 {
		delete(p.rooms, route.Namespace)
	}
}

// Shown returns what was last found worth showing of a route. It is not to be
// changed, and nil before every proxy was heard or found unreachable, 10 s at most if any
// was.
func (p *Poller) Shown(route types.NamespacedName) *Observation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.routes[route]; ok {
		return w.shown
	}
	return nil
}

// HeardSince reports whether a route's proxy, by the name of its Pod, has answered after a time.
func (p *Poller) HeardSince(route types.NamespacedName, name string, since time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.routes[route]
	return ok && slices.ContainsFunc(w.shares, func(s *share) bool { return s.contact.id.target.Name == name && s.contact.heardAt.After(since) })
}

// Run polls until ctx ends.
func (p *Poller) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		case <-timer.C:
		}
		begun, stale, wait := p.look(time.Now())
		for _, poll := range begun {
			running.Go(func() { p.work(ctx, poll) })
		}
		for _, w := range stale {
			running.Go(func() { p.add(w) })
		}
		timer.Reset(wait)
	}
}

// look queues what is due, and returns the polls that may begin, the routes to add up,
// and when to look again.
func (p *Poller) look(now time.Time) (begun []*poll, stale []*watched, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awake(now)
	soonest := now.Add(p.every)
	for _, w := range p.routes {
		if len(w.shares) == 0 {
			continue
		}
		if !now.Before(w.when) {
			var due []*poll
			due, w.when = w.due(now, p.every)
			for _, poll := range due {
				p.lanes[poll.lane].add(poll)
			}
		}
		soonest = earlier(soonest, w.when)
		if w.stale && !w.adding {
			w.adding = true
			stale = append(stale, w)
		}
	}
	for _, l := range p.lanes {
		for poll, ok := l.next(); ok; poll, ok = l.next() {
			begun = append(begun, poll)
		}
	}
	wait = max(soonest.Sub(now), breath)
	p.looks = now.Add(wait)
	return begun, stale, wait
}

// work makes a poll, and then those that wait in its lane.
func (p *Poller) work(ctx context.Context, next *poll) {
	for next != nil {
		report := p.ask(ctx, next)
		if ctx.Err() != nil {
			return
		}
		next = p.take(next, report)
	}
}

// ask returns what the proxy of a poll says; nil where it does not answer, or with what no
// proxy says. Of a report that cannot be read here it returns the version alone.
func (p *Poller) ask(ctx context.Context, of *poll) *stats.Report {
	begun := time.Now()
	report, err := p.fetcher.Fetch(ctx, of.contact.id.target.URL, of.bounds)
	if ctx.Err() == nil { // or the operator stops, and the proxy is not at fault
		p.counted.note(begun, time.Now(), err)
	}
	if other := (*stats.VersionError)(nil); errors.As(err, &other) {
		return &stats.Report{Version: other.Version}
	}
	if err != nil {
		return nil
	}
	return report
}

// take keeps what a poll brought and returns another one of its lane, if any may begin.
func (p *Poller) take(done *poll, report *stats.Report) (next *poll) {
	p.mu.Lock()
	p.awake(time.Now())
	l := p.lanes[done.lane]
	l.done(done)
	next, _ = l.next()
	if !done.dropped() {
		done.contact.take(done, report, time.Now(), p.every)
	}
	var stale []*watched
	for _, s := range done.contact.shares {
		if w := s.route; w.stale && !w.adding {
			w.adding = true
			stale = append(stale, w)
		}
	}
	if done.contact.next.Before(p.looks) {
		p.stir()
	}
	p.mu.Unlock()
	for _, w := range stale {
		p.add(w)
	}
	return next
}

// add adds up what was heard of a route, without the lock, until nothing newer is there.
func (p *Poller) add(w *watched) {
	for again := true; again; {
		p.mu.Lock()
		list := w.heard()
		w.stale = false
		p.mu.Unlock()
		now := time.Now()
		o := add(list, now)
		p.mu.Lock()
		moved := p.routes[w.key] == w && w.show(o, now)
		again = w.stale
		w.adding = again
		p.mu.Unlock()
		if moved {
			p.moved(w.key)
		}
	}
}
