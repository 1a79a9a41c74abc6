package fanout

import (
	"context"
	"errors"
	"time"
)

// state is where a backend stands in a flight:
//
//	reserved ──▶ working ──▶ answered
//	    │           ├──────▶ straggling
//	    └───────────┴──────▶ dropped
//
// One that refused is answered at once. Until a flight is concluded, its backends are
// reserved, then working; after it none is.
type state uint8

const (
	reserved   state = iota // it may be asked, and nothing was sent
	working                 // it was asked, and its answer is waited for
	answered                // its own answer stands
	straggling              // it works on, and nobody waits
	dropped                 // an answer of ours stands
)

// event is why a flight waits for nobody any more.
type event uint8

const (
	decided event = iota // the policy is met, or cannot be met any more
	expired              // the call's time is up
	left                 // the client has left
	stopped              // the proxy stops
)

// endOf is the event with which a context has ended.
func endOf(ctx context.Context) event {
	switch {
	case errors.Is(context.Cause(ctx), ErrTimeout):
		return expired
	case Stopped(ctx):
		return stopped
	}
	return left
}

// decider is what a record says of an event that decides a call.
func (f *Flight) decider(e event) Decider {
	if e == decided && f.waiting == 0 {
		return ByRefusals // an answer would have been noted
	}
	return [...]Decider{decided: ByAnswer, expired: ByTimeout, left: ByClient, stopped: ByStop}[e]
}

// fate is what an event makes of a backend whose answer is missing. The response is told
// the outcome. Statistics are told the same of one that is dropped; of one that straggles
// they are told its own answer, when that arrives.
type fate struct {
	state   state
	outcome Outcome
	reason  Reason
	cut     error // the cause for which attempts end; nil where there are none, or they go on
}

// fateOf is the table of events and states: what becomes of the backends that are not
// answered. All of them are reserved, or all are working.
func (f *Flight) fateOf(e event) fate {
	column := 0 // reserved: nothing was sent, and the reservations are given back
	switch {
	case f.waiting > 0 && f.stragglers == Finish:
		column = 2 // working, and to go on
	case f.waiting > 0:
		column = 1 // working, and to be cut
	}
	return [...][3]fate{
		decided: {
			{dropped, Skipped, NoReason, nil},
			{dropped, Canceled, NoReason, ErrDecided},
			{straggling, Pending, NoReason, nil},
		},
		expired: {
			{dropped, Failed, Timeout, nil},
			{dropped, Failed, Timeout, ErrTimeout},
			{straggling, Failed, Timeout, nil},
		},
		left: {
			{dropped, Canceled, NoReason, nil},
			{dropped, Canceled, NoReason, ErrClientClosed},
			{straggling, Pending, NoReason, nil},
		},
		stopped: { // what would go on has nowhere to
			{dropped, Canceled, NoReason, nil},
			{dropped, Canceled, NoReason, ErrStopped},
			{dropped, Canceled, NoReason, ErrStopped},
		},
	}[e][column]
}

// conclude ends the waiting.
func (f *Flight) conclude(e event) {
	f.concluded, f.last = true, e
	f.call.Record.decide(f.decider(e), -1)
	to := f.fateOf(e)
	for i := range f.legs {
		switch s := f.legs[i].state; {
		case s == reserved, s == working:
			f.meet(i, to)
		case (e == left || e == stopped) && to.cut != nil && f.answers[i].Stream != nil: // nobody reads it
			f.answers[i].Stream.Abort(to.cut)
		}
	}
	if e == expired {
		f.judge()
	}
}

// meet gives a backend its fate.
func (f *Flight) meet(i int, to fate) {
	l := &f.legs[i]
	a := Answer{Outcome: to.outcome, Reason: to.reason}
	if l.state == working && to.outcome != Pending {
		attempts, awaits := l.reservation.Progress()
		a.Elapsed, a.Attempts = time.Since(f.start), attempts
		if to.reason == Timeout {
			a.Cause = awaits
		}
	}
	f.answers[i] = a
	switch {
	case l.state == reserved:
		l.reservation.Cancel()
	case to.cut != nil:
		l.tether.End(to.cut)
	}
	if l.state = to.state; l.state == dropped {
		f.tell(i, &f.answers[i])
	}
}

// arrive takes the answer of a backend that is waited for: response and statistics are
// told.
func (f *Flight) arrive(i int) {
	f.waiting--
	f.accept(i, f.legs[i].got)
	if f.verdict != undecided {
		return
	}
	if f.judge(); f.verdict == undecided {
		return
	}
	f.call.Record.decide(ByAnswer, i)
	if f.verdict == met && f.d.Policy.Type == Any {
		f.deciding = i
	}
}

// arriveLate takes the answer of a backend that is not waited for any more: statistics are
// told that of one that straggled, and nobody is told that of one that was dropped.
func (f *Flight) arriveLate(i int) {
	f.waiting--
	l := &f.legs[i]
	if stream := l.got.Stream; stream != nil {
		f.streams.Go(func() { stream.Close() })
	}
	if l.state == straggling {
		f.tell(i, &l.got)
	}
}

// accept lets a backend's own answer stand.
func (f *Flight) accept(i int, a Answer) {
	f.answers[i] = a
	f.legs[i].state = answered
	f.observe(i, &f.answers[i])
}

// tell tells what is final of a backend's answer to whoever counts, and to whoever looks.
func (f *Flight) tell(i int, a *Answer) {
	f.call.Record.Backend(i).answered(a)
	f.d.Observer.Answered(i, a)
}
