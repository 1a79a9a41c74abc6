package rates

import (
	"slices"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	// hurry is the pace at which a proxy is asked that does not serve its document yet,
	// that was never heard, or that has begun to answer again.
	hurry = 500 * time.Millisecond
	// soon is the pace just after a document has changed: a kubelet takes 0.2 s to hand it over. After so
	// many polls it is halved and halved again.
	soon, soonFor = 60 * time.Millisecond, 5
	// maxHurried bounds it: a proxy that refuses a document may do so for days.
	maxHurried = 120
	// A proxy that does not answer gets a strike and loses one with each answer. It
	// counts as unreachable from the third on, until it has none left: one that answers
	// every other time stays what it is. They are capped, so that it is soon forgiven.
	unreachable = 3
	maxStrikes  = 5
	// longestPause bounds how long an unreachable proxy is left alone.
	longestPause = 30 * time.Second
)

// contact is what is known of one proxy, whichever routes it serves: it is asked once for
// all of them. It is guarded by the Poller's lock.
type contact struct {
	id     proxyID
	shares []*share // of the routes that it serves
	// known is false until it was heard, or found unreachable.
	known   bool
	proxy   Proxy
	heardAt time.Time
	strikes int
	hurried int       // polls in a hurry since a document changed
	beat    time.Time // when it is asked again, as long as it answers
	next    time.Time
	poll    *poll // queued or under way; nil for none
}

// proxyID is a proxy of a namespace. Another namespace may get the same address later, and
// has its own slots and its own room.
type proxyID struct {
	namespace string
	target    Target
}

// choose says in which lane the proxy is asked.
func (c *contact) choose() int {
	switch {
	case c.strikes > 0:
		return laneSilent
	case !c.known:
		return laneNewcomers
	case c.behind():
		return laneEdits
	}
	return laneFigures
}

// behind reports whether the proxy is about to serve another document. Of one that cannot
// be read nobody will know when it does.
func (c *contact) behind() bool {
	return c.proxy.Unread == 0 && c.hurried < maxHurried &&
		slices.ContainsFunc(c.shares, func(s *share) bool { return s.route.document != c.proxy.Document })
}

// ask makes the poll of a contact whose time has come.
func (c *contact) ask() *poll {
	c.poll = &poll{contact: c, shares: slices.Clone(c.shares), lane: c.choose()}
	for _, s := range c.shares {
		c.poll.bounds = append(c.poll.bounds, s.route.bounds)
		if c.poll.lane != laneSilent {
			s.route.awaited++
		}
	}
	return c.poll
}

// release ends the contact's poll, or gives it up.
func (c *contact) release() {
	if c.poll != nil && c.poll.lane != laneSilent {
		for _, s := range c.poll.shares {
			s.route.awaited--
		}
	}
	c.poll = nil
}

// edited makes a contact due for another document, or another route. A poll that waits for
// its turn among figures is given up: the edit does not wait there.
func (c *contact) edited() {
	c.hurried = 0
	c.due(time.Time{})
	if c.poll != nil && !c.poll.begun {
		c.release()
	}
}

// due says when the contact is to be asked next.
func (c *contact) due(at time.Time) {
	c.next = at
	for _, s := range c.shares {
		s.route.when = earlier(s.route.when, at)
	}
}

// take keeps what a poll brought, nil where there was no answer.
func (c *contact) take(p *poll, report *stats.Report, now time.Time, every time.Duration) {
	c.release()
	if report != nil {
		c.answered(p.shares, report, now)
		c.due(c.afterAnswer(now))
	} else {
		c.missed(p.shares)
		c.due(c.afterMiss(now, every))
	}
	for _, s := range p.shares {
		s.route.roundEnds()
	}
	if slices.ContainsFunc(c.shares, func(s *share) bool { return c.known && !s.known }) {
		c.due(time.Time{}) // a route joined after the poll had begun
	}
}

// answered takes a report, and divides it among the routes that it was asked for.
func (c *contact) answered(asked []*share, report *stats.Report, now time.Time) {
	c.strikes = max(c.strikes-1, 0)
	if c.known && !c.proxy.Reached && c.strikes > 0 {
		c.found(asked)
		return
	}
	before, knew := c.proxy, c.known
	c.known, c.heardAt = true, now
	c.proxy = Proxy{Name: c.id.target.Name, Reached: true, Document: report.Document, Refused: report.Refused}
	if !report.Readable() {
		c.proxy.Unread = report.Version
	}
	for _, s := range asked {
		s.keep(report)
	}
	if !knew || before != c.proxy {
		c.changed()
	}
	c.found(asked)
}

// missed takes a strike: the third makes the proxy unreachable.
func (c *contact) missed(asked []*share) {
	c.strikes = min(c.strikes+1, maxStrikes)
	if c.strikes >= unreachable && (!c.known || c.proxy.Reached) {
		for _, s := range c.shares {
			s.forget()
		}
		c.known, c.proxy = true, Proxy{Name: c.id.target.Name}
		c.changed()
	}
	c.found(asked)
}

// changed has all routes of the proxy added up: of each something else than figures is new.
func (c *contact) changed() {
	for _, s := range c.shares {
		s.route.stale = true
	}
}

// found notes that what is known of the proxy is known to these routes too.
func (c *contact) found(asked []*share) {
	for _, s := range asked {
		if c.known && !s.known {
			s.known, s.route.stale = true, true
		}
	}
}

// afterAnswer says when to ask next: at the proxy's beat, or sooner where somebody waits.
func (c *contact) afterAnswer(now time.Time) time.Time {
	switch {
	case !c.proxy.Reached:
		return now.Add(hurry)
	case c.behind():
		c.hurried++
		return now.Add(min(soon<<min(max(c.hurried-soonFor, 0), 8), hurry))
	}
	return c.beat
}

// afterMiss says when to ask next: the later, the longer nobody answers.
func (c *contact) afterMiss(now time.Time, every time.Duration) time.Time {
	switch {
	case !c.known:
		return now.Add(hurry)
	case c.strikes < unreachable:
		return c.beat
	}
	return now.Add(max(every, min(every<<(1+c.strikes-unreachable), longestPause)))
}
