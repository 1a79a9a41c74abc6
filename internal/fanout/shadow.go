package fanout

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Shadow is a backend whose answer never counts and never delays a response.
type Shadow struct {
	Backend Backend
	// Percent of the calls are sent here, too.
	Percent int
	// Reference is the index of the backend whose answer this one's is compared with.
	Reference int
}

// ShadowObserver is told each answer of a shadow, once it and the call's result are
// known, from any goroutine. The reference is Pending where it came too late.
type ShadowObserver interface {
	Shadowed(shadow int, call *Call, a, reference *Answer)
}

// shade is the shadows of one call under way.
type shade struct {
	d       *Dispatcher
	call    *Call
	start   time.Time
	decided chan struct{} // closed when references are set
	// references are copies: what a stream becomes later is the response's business.
	references []Answer
	running    sync.WaitGroup
}

// cast sends the call to shadows, if it is any's turn. What they reserve is taken here,
// in the goroutine of the call, which alone touches the call's input.
func (f *flight) cast(base context.Context) *shade {
	var s *shade
	for i := range f.d.Shadows {
		if rand.IntN(100) >= f.d.Shadows[i].Percent {
			continue
		}
		if s == nil {
			s = &shade{d: f.d, call: f.call, start: f.start, decided: make(chan struct{})}
		}
		s.ask(base, i)
	}
	return s
}

func (s *shade) ask(base context.Context, i int) {
	// They have room of their own: hanging ones must not take that of calls.
	if s.d.shadowed.Add(1) > int64(s.d.MaxInFlight) {
		s.d.shadowed.Add(-1)
		s.run(i, func() Answer { return Answer{Outcome: Rejected, Reason: Overloaded} })
		return
	}
	r, refusal := s.d.Shadows[i].Backend.Reserve(s.call)
	if r == nil {
		s.d.shadowed.Add(-1)
		s.run(i, func() Answer { return refusal })
		return
	}
	s.run(i, func() Answer {
		defer s.d.shadowed.Add(-1)
		ctx, cancel := context.WithCancel(base)
		defer cancel()
		return r.Do(ctx, s.call, nil)
	})
}

func (s *shade) run(i int, do func() Answer) {
	s.running.Go(func() {
		a := do()
		if a.Responded() {
			s.d.Checker.Check(-1, &a)
		}
		a.Elapsed = time.Since(s.start)
		<-s.decided
		s.d.ShadowObserver.Shadowed(i, s.call, &a, &s.references[s.d.Shadows[i].Reference])
	})
}

// decide hands over what the shadows are compared with.
func (s *shade) decide(answers []Answer) {
	if s == nil {
		return
	}
	s.references = make([]Answer, len(answers))
	copy(s.references, answers)
	for i := range s.references {
		s.references[i].Stream = nil
	}
	close(s.decided)
}
