package backend

import (
	"context"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/tether"
)

// retrier asks until an answer stands.
type retrier struct {
	next  stage
	retry *retry
	state *State
}

// ask implements stage.
func (s *retrier) ask(ctx *tether.Context, w *work) reply {
	s.state.repeats.first(time.Now())
	defer func() { w.trial.End() }()
	for {
		w.choice = s.choose(w)
		r := s.next.ask(ctx, w)
		s.tell(w, &r)
		r.faulty = r.answer.Faulty() && ctx.Err() == nil
		if !s.repeats(ctx, w, &r) {
			r.answer = ended(ctx, r.answer)
			return r
		}
	}
}

// choose says which connection an attempt takes. One that is repeated where its connection
// dies may prefer an old one to making a new one.
func (s *retrier) choose(w *work) h1.Choice {
	switch {
	case w.letDown:
		return h1.FreshConn
	case w.request.Safe() || s.retry.resets && w.request.Repeatable(s.retry.methods):
		return h1.AnyConn
	}
	return h1.YoungConn
}

// tell says what the backend thinks of the token that it was shown.
func (s *retrier) tell(w *work, r *reply) {
	switch tokens := s.state.tokens; {
	case tokens == nil:
	case r.answer.Outcome == fanout.Succeeded:
		tokens.Accept(r.token)
	case r.answer.Status == http.StatusUnauthorized:
		tokens.Refuse(r.token)
	}
	w.trial.End()
}

// repeats waits until the request is to be repeated, if it is. The limit counts requests:
// what the backend did nothing with leaves its token to the next one, any other needs one
// more, and where there is none the answer stands.
func (s *retrier) repeats(ctx context.Context, w *work, r *reply) bool {
	wait, again := s.again(ctx, w, r)
	if !again || !sleep(ctx, wait) {
		return false
	}
	return r.unsent || w.ticket.again(ctx, w.deadline)
}

// again says whether the request is repeated, and after which wait.
func (s *retrier) again(ctx context.Context, w *work, r *reply) (time.Duration, bool) {
	if r.answer.Outcome != fanout.Failed || ctx.Err() != nil {
		return 0, false
	}
	if s.another(ctx, w, r) {
		return 0, true
	}
	if w.letDown = r.stale; w.letDown {
		return 0, w.sent()-w.hedges < max(s.retry.attempts, maxStale)
	}
	if r.unprocessed && w.unprocessed < maxUnprocessed {
		wait := pause(w.unprocessed)
		w.unprocessed++
		return wait, time.Until(w.deadline) > wait
	}
	wait, again := s.retry.next(w.sent()-w.hedges-w.unprocessed, r, w.request.Repeatable(s.retry.methods))
	if !again || time.Until(w.deadline) <= wait {
		return 0, false
	}
	now := time.Now()
	if !r.unsent && !w.ticket.admits(now.Add(wait)) {
		return 0, false
	}
	return wait, w.ticket.stands() && s.state.repeats.spend(now)
}

// another waits for another token than one that the backend has refused, once a call.
func (s *retrier) another(ctx context.Context, w *work, r *reply) bool {
	if r.answer.Status != http.StatusUnauthorized || r.token.Reveal() == "" || w.renewed {
		return false
	}
	w.trial = s.state.tokens.Another(ctx, r.token)
	w.renewed = w.trial != nil
	return w.renewed
}
