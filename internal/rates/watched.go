package rates

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/writes"
)

// patience is how long all proxies of a route are waited for before those that are known are
// shown: a silent one is known after 7 s.
const patience = 10 * time.Second

// watched is one route. It is guarded by the Poller's lock.
type watched struct {
	key      types.NamespacedName
	shares   []*share // in the order of their proxies' names
	document string
	bounds   stats.RouteBounds
	room     *room
	since    time.Time // when its first proxies came
	// when is when to look through its proxies again, at the latest: twenty times a second it is
	// asked who of thousands is due.
	when    time.Time
	round   bool // a beat's polls are under way, to be added up at their end
	awaited int  // polls of proxies that use to answer
	adding  bool // a goroutine adds up
	stale   bool // and what it added is not the newest
	shown   *Observation
	shownAt time.Time
}

// standstill is by how much Run looks too late where the operator had no CPU.
const standstill = time.Second

// awake takes the time in which the operator stood still from that for which proxies are waited for: it
// has not asked them meanwhile, and would show half of the truth of each route. It is called with the
// lock.
func (p *Poller) awake(now time.Time) {
	late := now.Sub(p.looks)
	if p.looks.IsZero() || late < standstill {
		return
	}
	for _, w := range p.routes {
		if w.shown == nil {
			w.since = w.since.Add(late)
		}
	}
	p.looks = now // once
}

// roundEnds has the route added up once no proxy of its beat is waited for any more.
func (w *watched) roundEnds() {
	if w.round && w.awaited == 0 {
		w.round, w.stale = false, true
	}
}

// heard is what is known of a proxy and of what it says of the route, to be added up outside
// the lock.
type heard struct {
	proxy  Proxy
	report *stats.RouteReport
	at     time.Time
}

func (w *watched) heard() []heard {
	var list []heard
	for _, s := range w.shares {
		if s.known {
			list = append(list, heard{s.contact.proxy, s.report, s.contact.heardAt})
		}
	}
	return list
}

// add adds up what was heard.
func add(list []heard, now time.Time) *Observation {
	o := &Observation{}
	var reports []stats.RouteReport
	for i := range list {
		of := &list[i]
		o.Proxies = append(o.Proxies, of.proxy)
		if of.report != nil {
			reports = append(reports, of.report.Aged(now.Sub(of.at)))
		}
	}
	o.Sum = stats.Merge(reports)
	o.foresee(now)
	o.Sum.Thin(quantiles()...) // there is one sum or two of each route, whatever it has of Pods
	return o
}

// show decides whether an observation is worth showing: who serves what, what is missing
// and how backends stand at once, figures at their pace. Nothing is shown before every
// proxy was heard or found unreachable once: half of the truth would move conditions
// after every start of the operator. But for a while only: proxies may come and go faster
// than that. How often a status is written is not decided here.
func (w *watched) show(o *Observation, now time.Time) bool {
	switch {
	case len(w.shares) == 0:
		return false
	case w.shown == nil:
		waits := now.Sub(w.since) < patience && slices.ContainsFunc(w.shares, func(s *share) bool { return !s.known })
		if waits || len(o.Proxies) == 0 {
			return false
		}
	case o.changed(w.shown), o.standsOtherwise(w.shown):
	case now.Sub(w.shownAt) >= writes.FiguresEvery && o.moved(w.shown):
	default:
		return false
	}
	w.shown, w.shownAt = o, now
	return true
}
