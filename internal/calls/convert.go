package calls

import (
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// OtherMethod stands for methods that HTTP does not register: a client may send any word.
const OtherMethod = "other"

// method is what may be told of a call's.
func method(of string) string {
	switch of {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return of
	}
	return OtherMethod
}

// since is when something happened, after the arrival.
func since(arrived, at time.Time) MS {
	if at.IsZero() {
		return 0
	}
	return max(MS(at.Sub(arrived).Microseconds())/1000, 0.001)
}

// told is what is told of a call; names are those of its backends, then of its shadows.
func told(of *fanout.Recorded, names []string) Call {
	at := func(t time.Time) MS { return since(of.Arrived, t) }
	c := Call{
		Dispatched: at(of.Dispatched), Responded: at(of.Responded), Ended: at(of.Ended),
		Lanes: make([]Lane, 0, len(of.Backends)+len(of.Shadows)),
	}
	if !of.Responded.IsZero() {
		c.Outcome, c.Status = of.Outcome.String(), of.Status
	}
	if d := of.Decided; !d.At.IsZero() {
		c.Decided = Decision{At: at(d.At), Decider: d.Decider.String()}
		if d.By >= 0 {
			c.Decided.Backend = names[d.By]
		}
	}
	for i := range of.Backends {
		c.Lanes = append(c.Lanes, lane(&of.Backends[i], names[i], at))
	}
	for i := range of.Shadows {
		if s := &of.Shadows[i]; !s.Reserved.IsZero() || !s.Ended.IsZero() {
			l := lane(s, names[len(of.Backends)+i], at)
			l.Shadow = true
			c.Lanes = append(c.Lanes, l)
		}
	}
	return c
}

func lane(of *fanout.RecordedLane, name string, at func(time.Time) MS) Lane {
	l := Lane{
		Backend: name, Reserved: at(of.Reserved), Asked: at(of.Asked), Omitted: of.Omitted, Ended: at(of.Ended),
		Outcome: of.Outcome.String(), Reason: of.Reason.String(), Status: of.Status, Compared: of.Compared,
	}
	if q := of.Queued; !q.From.IsZero() {
		l.Queued = &Span{From: at(q.From), To: at(q.To)}
	}
	for i := range of.Attempts {
		a := &of.Attempts[i]
		l.Attempts = append(l.Attempts, Attempt{
			Kind: a.Kind.String(), Begun: at(a.Begun), Connected: at(a.Connected), Head: at(a.Head), Ended: at(a.Ended),
			Reused: a.Reused, Status: a.Status, Reason: a.Reason.String(), Fate: a.Fate.String(),
		})
	}
	return l
}
