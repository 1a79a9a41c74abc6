package fanout

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/tether"
)

// Shadow is a backend whose answer never counts and never delays a response.
type Shadow struct {
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

// shade is the shadows of one call under way. The nil shade has none.
type shade struct {
	d       *Dispatcher
	call    *Call
	start   time.Time
	casts   []cast
	decided chan struct{} // closed when references are set
	// references are copies: what a stream becomes later is the response's business.
	references []Answer
}

// cast is one shadow of a call: what it may do, or the answer of one that may do nothing.
type cast struct {
	shadow      int
	reservation Reservation
	refusal     Answer
	call        *Call           // with the shadow's own memory
	account     *memory.Account // nil where there was no room for the shadow
}

// reserveShadows reserves at the shadows whose turn it is.
func (f *Flight) reserveShadows(ctx context.Context, reserver Reserver) *shade {
	var s *shade
	for i := range f.d.Shadows {
		if rand.IntN(100) >= f.d.Shadows[i].Percent {
			continue
		}
		if s == nil {
			s = &shade{d: f.d, call: f.call, start: f.start, decided: make(chan struct{})}
		}
		s.casts = append(s.casts, s.reserve(ctx, i, reserver))
	}
	return s
}

// reserve takes the room that shadows have of their own, in number and in memory, and what
// the shadow itself limits.
func (s *shade) reserve(ctx context.Context, i int, reserver Reserver) cast {
	account, ok := s.d.ShadowObserver.Room(s.call)
	if !ok || s.d.shadowed.Add(1) > int64(s.d.MaxInFlight) {
		if ok {
			s.d.shadowed.Add(-1)
			account.Close()
		}
		return cast{shadow: i, refusal: Answer{Outcome: Rejected, Reason: Overloaded}}
	}
	call := *s.call
	call.Memory = account
	c := cast{shadow: i, call: &call, account: account}
	if c.reservation, c.refusal = reserver.ReserveShadow(ctx, i, &call); c.reservation != nil {
		call.Record.Shadow(i).reserved(c.reservation)
	}
	return c
}

// launch asks the shadows, each in a goroutine and a context of its own.
func (s *shade) launch() {
	if s == nil {
		return
	}
	for i := range s.casts {
		s.call.Record.begin()
		s.d.running.Go(func() { s.run(&s.casts[i]) })
	}
}

func (s *shade) run(c *cast) {
	defer s.call.Record.end()
	lane := s.call.Record.Shadow(c.shadow)
	if c.account != nil {
		defer func() {
			c.account.Close()
			s.d.shadowed.Add(-1)
		}()
	}
	a := c.refusal
	if c.reservation != nil {
		lane.asked()
		a = c.reservation.Do(tether.New(context.Background()), c.call, nil)
	}
	if a.Responded() {
		s.d.Checker.Check(-1, &a, c.account)
	}
	a.Elapsed = time.Since(s.start)
	lane.answered(&a)
	<-s.decided
	s.d.ShadowObserver.Shadowed(c.shadow, s.call, &a, &s.references[s.d.Shadows[c.shadow].Reference], c.account)
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
	for i := range s.casts {
		if c := &s.casts[i]; c.reservation != nil && s.d.Shadows[c.shadow].Body {
			s.lend(c, answers)
		}
	}
	close(s.decided)
}

// lend keeps a body for the shadow that is compared with it.
func (s *shade) lend(c *cast, answers []Answer) {
	i := s.d.Shadows[c.shadow].Reference
	if !c.account.Take(int64(len(answers[i].Body))) {
		s.references[i].Outcome = Pending // there is no room to compare with it
		return
	}
	s.references[i].Body = answers[i].Body
}
