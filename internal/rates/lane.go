package rates

import "github.com/fanout-operator/fanout/internal/stats"

// The lanes. A poll waits for those of its own kind alone: an edit that somebody waits
// for never stands behind figures, nor either behind proxies that do not answer.
const (
	laneEdits     = iota // of proxies that answer and do not serve the document yet
	laneNewcomers        // of proxies that were never heard
	laneFigures          // of all others that answer
	laneSilent           // of proxies that did not answer the last time
	lanes
)

// newLanes returns the lanes. The slots bound the polls under way, and those of a
// namespace keep one tenant from taking them all.
func newLanes() [lanes]*lane {
	return [lanes]*lane{
		laneEdits:     {slots: 32, each: 16},
		laneNewcomers: {slots: 32, each: 16},
		laneFigures:   {slots: 32, each: 16},
		laneSilent:    {slots: 32, each: 8},
	}
}

// lane hands out slots for polls of one kind. Namespaces take turns, the polls of one
// come in their order. It is guarded by the Poller's lock.
type lane struct {
	slots, each int

	busy    int
	tenants map[string]*tenant
	turns   []string // namespaces with polls that may begin, in turn
}

// tenant is what a namespace has in a lane.
type tenant struct {
	busy    int
	waiting []*poll
	listed  bool // among turns
}

// poll is one question to one proxy.
type poll struct {
	contact *contact
	shares  []*share // of the routes that it asks for
	bounds  stats.Bounds
	lane    int
	begun   bool
}

// dropped reports whether nobody waits for the poll any more: its Pod is gone, or it
// was queued again in another lane.
func (p *poll) dropped() bool { return p.contact.poll != p }

// add queues a poll.
func (l *lane) add(p *poll) {
	if l.tenants == nil {
		l.tenants = map[string]*tenant{}
	}
	namespace := p.contact.id.namespace
	t, ok := l.tenants[namespace]
	if !ok {
		t = &tenant{}
		l.tenants[namespace] = t
	}
	t.waiting = append(t.waiting, p)
	l.list(namespace, t)
}

// list gives a namespace a turn where it may begin a poll.
func (l *lane) list(namespace string, t *tenant) {
	if !t.listed && len(t.waiting) > 0 && t.busy < l.each {
		t.listed = true
		l.turns = append(l.turns, namespace)
	}
}

// next takes a slot for the poll whose turn it is. There is none where ok is false.
func (l *lane) next() (p *poll, ok bool) {
	for l.busy < l.slots && len(l.turns) > 0 {
		namespace := l.turns[0]
		l.turns = l.turns[1:]
		t := l.tenants[namespace]
		t.listed = false
		for len(t.waiting) > 0 && t.waiting[0].dropped() {
			t.waiting = t.waiting[1:]
		}
		if len(t.waiting) > 0 {
			p, t.waiting = t.waiting[0], t.waiting[1:]
			p.begun = true
			t.busy++
			l.busy++
			l.list(namespace, t)
			return p, true
		}
		l.forget(namespace, t)
	}
	return nil, false
}

// done gives a slot back.
func (l *lane) done(p *poll) {
	namespace := p.contact.id.namespace
	t := l.tenants[namespace]
	t.busy--
	l.busy--
	l.list(namespace, t)
	l.forget(namespace, t)
}

// forget drops a namespace that has nothing in the lane.
func (l *lane) forget(namespace string, t *tenant) {
	if t.busy == 0 && len(t.waiting) == 0 {
		delete(l.tenants, namespace)
	}
}
