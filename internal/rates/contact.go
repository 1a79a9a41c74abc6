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

// contact is what is known of one proxy of a route. Reports are never changed once they
// are here, so that they can be added up without the Poller's lock.
type contact struct {
	target Target
	// known is false until it was heard, or found unreachable.
	known   bool
	proxy   Proxy
	report  *stats.RouteReport
	room    *room // of the namespace, of which the report takes size
	size    int
	heardAt time.Time
	strikes int
	hurried int // polls in a hurry since the document changed
	next    time.Time
	poll    *poll // queued or under way; nil for none
}

// choose says in which lane the contact is asked for a document.
func (c *contact) choose(document string) int {
	switch {
	case c.strikes > 0:
		return laneSilent
	case !c.known:
		return laneNewcomers
	case c.behind(document):
		return laneEdits
	}
	return laneFigures
}

// behind reports whether the proxy is about to serve another document. Of one that cannot
// be read nobody will know when it does.
func (c *contact) behind(document string) bool {
	return c.proxy.Unread == 0 && c.proxy.Document != document && c.hurried < maxHurried
}

// answered takes a report, and reports whether anything but figures has changed.
func (c *contact) answered(report *stats.Report, now time.Time) bool {
	c.strikes = max(c.strikes-1, 0)
	if c.known && !c.proxy.Reached && c.strikes > 0 {
		return false
	}
	before, knew, lacked := c.proxy, c.known, missing(c.report)
	c.forget()
	c.known, c.heardAt = true, now
	c.proxy = Proxy{Name: c.target.Name, Reached: true, Document: report.Document, Refused: report.Refused}
	if !report.Readable() {
		c.proxy.Unread = report.Version
	}
	if len(report.Routes) > 0 {
		c.keep(&report.Routes[0])
	}
	return !knew || before != c.proxy || !slices.Equal(lacked, missing(c.report))
}

// missed takes a strike, and reports whether the proxy has become unreachable.
func (c *contact) missed() bool {
	c.strikes = min(c.strikes+1, maxStrikes)
	if c.strikes < unreachable || c.known && !c.proxy.Reached {
		return false
	}
	c.forget()
	c.known, c.proxy = true, Proxy{Name: c.target.Name}
	return true
}

// keep takes room for what a status can show of a report.
func (c *contact) keep(r *stats.RouteReport) {
	c.report, c.size = c.room.fit(r.Kept(Window))
	c.room.taken += c.size
}

// forget gives the room of the report back.
func (c *contact) forget() {
	c.room.taken -= c.size
	c.report, c.size = nil, 0
}

// afterAnswer says when to ask next: at the route's beat, or sooner where somebody waits.
func (c *contact) afterAnswer(now, beat time.Time, document string) time.Time {
	switch {
	case !c.proxy.Reached:
		return now.Add(hurry)
	case c.behind(document):
		c.hurried++
		return now.Add(hurry)
	}
	return beat
}

// afterMiss says when to ask next: the later, the longer nobody answers.
func (c *contact) afterMiss(now, beat time.Time, every time.Duration) time.Time {
	switch {
	case !c.known:
		return now.Add(hurry)
	case c.strikes < unreachable:
		return beat
	}
	return now.Add(max(every, min(every<<(1+c.strikes-unreachable), longestPause)))
}

// missing is what a report, if there is one, lacks.
func missing(r *stats.RouteReport) []stats.MissingKey {
	if r == nil {
		return nil
	}
	return r.Missing
}
