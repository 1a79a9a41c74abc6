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
	contacts []*contact // in the order of their names
	document string
	bounds   *stats.Bounds
	room     *room
	since    time.Time // when its first proxies came
	beat     time.Time // when all proxies that answer are asked again
	round    bool      // a beat's polls are under way, to be added up at their end
	awaited  int       // polls of proxies that use to answer
	adding   bool      // a goroutine adds up
	stale    bool      // and what it added is not the newest
	shown    *Observation
	shownAt  time.Time
}

// set takes the proxies that there are now, and the hash of the document that they are
// to serve. It reports whether anybody is to be asked, or forgotten, at once.
func (w *watched) set(targets []Target, document string, now time.Time) (changed bool) {
	if len(w.contacts) == 0 {
		w.since = now
	}
	before := map[Target]*contact{}
	for _, c := range w.contacts {
		before[c.target] = c
	}
	edited := w.document != document
	w.contacts, w.document = make([]*contact, len(targets)), document
	for i, t := range targets {
		c, ok := before[t]
		if !ok {
			c = &contact{target: t, room: w.room}
		}
		delete(before, t)
		changed = changed || !ok
		w.contacts[i] = c
		if edited {
			w.edited(c)
		}
	}
	for _, c := range before {
		w.release(c)
		c.forget()
		w.stale = true
	}
	if len(targets) == 0 { // what is said of proxies goes with the last of them
		w.shown, w.beat, w.stale = nil, time.Time{}, false
	}
	return changed || edited || w.stale
}

// due returns the contacts whose time has come and marks them as being asked. next is
// when to look again.
func (w *watched) due(now time.Time, every time.Duration) (list []*poll, next time.Time) {
	if !now.Before(w.beat) {
		w.beat, w.round = now.Add(every), true
	}
	next = w.beat
	for _, c := range w.contacts {
		switch {
		case c.poll != nil:
		case now.Before(c.next):
			next = earlier(next, c.next)
		default:
			c.poll = &poll{route: w, contact: c, bounds: w.bounds, lane: c.choose(w.document)}
			if c.poll.lane != laneSilent {
				w.awaited++
			}
			list = append(list, c.poll)
		}
	}
	return list, next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// take keeps what a poll brought, nil where there was no answer, and reports whether
// it is time to add up: at the end of a round, and at once where more than figures has
// changed.
func (w *watched) take(p *poll, report *stats.Report, now time.Time, every time.Duration) bool {
	if p.dropped() {
		return false
	}
	c := p.contact
	w.release(c)
	var changed bool
	if report != nil {
		changed = c.answered(report, now)
		c.next = c.afterAnswer(now, w.beat, w.document)
	} else {
		changed = c.missed()
		c.next = c.afterMiss(now, w.beat, every)
	}
	if w.round && w.awaited == 0 {
		w.round = false
		return true
	}
	return changed
}

// release ends the contact's poll, or gives it up.
func (w *watched) release(c *contact) {
	if c.poll != nil && c.poll.lane != laneSilent {
		w.awaited--
	}
	c.poll = nil
}

// edited makes a contact due for another document. A poll that waits for its turn among
// figures is given up: the edit does not wait there.
func (w *watched) edited(c *contact) {
	c.hurried, c.next = 0, time.Time{}
	if c.poll != nil && !c.poll.begun {
		w.release(c)
	}
}

// heard returns what is known of the proxies, to be added up outside the lock.
func (w *watched) heard() []contact {
	var list []contact
	for _, c := range w.contacts {
		if c.known {
			list = append(list, *c)
		}
	}
	return list
}

// add adds up what was heard.
func add(heard []contact, now time.Time) *Observation {
	o := &Observation{}
	var reports []stats.RouteReport
	for i := range heard {
		c := &heard[i]
		o.Proxies = append(o.Proxies, c.proxy)
		if c.report != nil {
			reports = append(reports, c.report.Aged(now.Sub(c.heardAt)))
		}
	}
	o.Sum = stats.Merge(reports)
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
	case len(w.contacts) == 0:
		return false
	case w.shown == nil:
		waits := now.Sub(w.since) < patience && slices.ContainsFunc(w.contacts, func(c *contact) bool { return !c.known })
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
