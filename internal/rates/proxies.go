package rates

import (
	"slices"
	"time"
)

// set takes the proxies that a route has now, and the hash of the document that they are to
// serve. It reports whether anybody is to be asked, or forgotten, at once.
func (p *Poller) set(w *watched, targets []Target, document string, now time.Time) (changed bool) {
	if len(w.shares) == 0 {
		w.since = now
	}
	before := map[Target]*share{}
	for _, s := range w.shares {
		before[s.contact.id.target] = s
	}
	edited := w.document != document
	old := w.shares
	w.shares, w.document = make([]*share, len(targets)), document
	for i, t := range targets {
		s, ok := before[t]
		if !ok {
			s = p.join(w, t, old)
		}
		delete(before, t)
		changed = changed || !ok
		w.shares[i] = s
		if edited {
			s.contact.edited()
		}
	}
	for _, s := range before {
		p.part(s)
		w.stale = true
	}
	if len(targets) == 0 { // what is said of proxies goes with the last of them
		w.shown, w.stale = nil, false
	}
	return changed || edited || w.stale
}

// join makes a route one of those that a proxy is asked for. A new proxy keeps the beat of
// the others, so that all are added up at once.
func (p *Poller) join(w *watched, t Target, others []*share) *share {
	id := proxyID{w.key.Namespace, t}
	c, ok := p.proxies[id]
	if !ok {
		c = &contact{id: id}
		if len(others) > 0 {
			c.beat = others[0].contact.beat
		}
		p.proxies[id] = c
	}
	s := &share{route: w, contact: c}
	c.shares = append(c.shares, s)
	c.edited()
	return s
}

// part ends that, and forgets a proxy that serves no route any more.
func (p *Poller) part(s *share) {
	c := s.contact
	s.forget()
	c.shares = without(c.shares, s)
	if len(c.shares) == 0 {
		c.release()
		delete(p.proxies, c.id)
		return
	}
	if of := c.poll; of != nil && slices.Contains(of.shares, s) {
		of.shares = without(of.shares, s)
		if of.lane != laneSilent {
			s.route.awaited--
		}
	}
}

func without(list []*share, s *share) []*share {
	return slices.DeleteFunc(slices.Clone(list), func(of *share) bool { return of == s })
}

// due makes the polls of those of a route's proxies whose time has come. next is when to
// look again.
func (w *watched) due(now time.Time, every time.Duration) (list []*poll, next time.Time) {
	next = now.Add(every)
	for _, s := range w.shares {
		c := s.contact
		if !now.Before(c.beat) {
			c.beat = now.Add(every)
			for _, of := range c.shares {
				of.route.round = true
			}
		}
		next = earlier(next, c.beat)
		switch {
		case c.poll != nil:
		case now.Before(c.next):
			next = earlier(next, c.next)
		default:
			list = append(list, c.ask())
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
