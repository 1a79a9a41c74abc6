package fanout

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/fanout-operator/fanout/internal/memory"
)

// Shadow is a backend whose answer never counts and never delays a response.
type Shadow struct {
	Backend Backend
	// Percent of the calls are sent here, too.
	Percent int
	// Reference is the index of the backend whose answer this one's is compared with,
	// with its body where Body is set.
	Reference int
	Body      bool
}

// ShadowObserver is told each answer of a shadow, once it and the call's result are
// known, from any goroutine. The reference is Pending where it came too late.
type ShadowObserver interface {
	// account is what Room opened; it is nil for an answer that it had no room for.
	Shadowed(shadow int, call *Call, a, reference *Answer, account *memory.Account)
	// Room opens the memory of a call with a shadow, which is none of the call's own:
	// a shadow that hangs must not take the room of calls. ok is false where there is
	// none left.
	Room(call *Call) (account *memory.Account, ok bool)
}

// shade is the shadows of one call under way.
type shade struct {
	d       *Dispatcher
	call    *Call
	start   time.Time
	decided chan struct{} // closed when references are set
	// references are copies: what a stream becomes later is the response's business.
	references []Answer
	kept       []kept
}

// kept is the memory of a shadow that is to be compared by the body of its reference.
type kept struct {
	shadow  int
	account *memory.Account
}

// cast sends the call to shadows, if it is any's turn. What they reserve is taken here,
// in the goroutine of the call, which alone touches the call's input, and before ctx ends.
func (f *flight) cast(ctx, base context.Context) *shade {
	var s *shade
	for i := range f.d.Shadows {
		if rand.IntN(100) >= f.d.Shadows[i].Percent {
			continue
		}
		if s == nil {
			s = &shade{d: f.d, call: f.call, start: f.start, decided: make(chan struct{})}
		}
		s.ask(ctx, base, i)
	}
	return s
}

func (s *shade) ask(ctx, base context.Context, i int) {
	// They have room of their own, in number and in memory.
	account, ok := s.d.ShadowObserver.Room(s.call)
	if !ok || s.d.shadowed.Add(1) > int64(s.d.MaxInFlight) {
		if ok {
			s.d.shadowed.Add(-1)
			account.Close()
		}
		s.run(i, nil, func() Answer { return Answer{Outcome: Rejected, Reason: Overloaded} }, func() {})
		return
	}
	release := func() {
		account.Close()
		s.d.shadowed.Add(-1)
	}
	call := *s.call
	call.Memory = account
	r, refusal := s.d.Shadows[i].Backend.Reserve(ctx, &call)
	call.Input = nil // of which the call gives the room back
	if r == nil {
		s.run(i, account, func() Answer { return refusal }, release)
		return
	}
	if s.d.Shadows[i].Body {
		s.kept = append(s.kept, kept{i, account})
	}
	s.run(i, account, func() Answer {
		ctx, end := context.WithCancelCause(base)
		return r.Do(ctx, end, &call, nil)
	}, release)
}

func (s *shade) run(i int, account *memory.Account, do func() Answer, release func()) {
	s.d.running.Go(func() {
		defer release()
		a := do()
		if a.Responded() {
			s.d.Checker.Check(-1, &a, account)
		}
		a.Elapsed = time.Since(s.start)
		<-s.decided
		s.d.ShadowObserver.Shadowed(i, s.call, &a, &s.references[s.d.Shadows[i].Reference], account)
	})
}

// decide hands over what the shadows are compared with, and keeps no body that nobody
// compares.
func (s *shade) decide(answers []Answer) {
	if s == nil {
		return
	}
	s.references = make([]Answer, len(answers))
	for i := range answers {
		s.references[i] = answers[i]
		s.references[i].Stream, s.references[i].Body, s.references[i].Checked = nil, nil, nil
	}
	for _, k := range s.kept {
		i := s.d.Shadows[k.shadow].Reference
		if k.account.Take(int64(len(answers[i].Body))) {
			s.references[i].Body = answers[i].Body
		} else {
			s.references[i].Outcome = Pending // there is no room to compare with it
		}
	}
	close(s.decided)
}
