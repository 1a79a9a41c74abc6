package backend

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
	"github.com/fanout-operator/fanout/internal/outgoing"
	"github.com/fanout-operator/fanout/internal/tether"
)

// bounded gives each attempt a time of its own.
type bounded struct {
	next   stage
	limit  time.Duration
	alarms tether.Alarms
}

// ask implements stage.
func (s *bounded) ask(ctx *tether.Context, w *work) reply {
	ctx = ctx.Branch(ctx)
	defer s.alarms.Set(s.limit, ctx, fanout.ErrTimeout).Stop()
	r := s.next.ask(ctx, w)
	if r.answer.Stream == nil {
		ctx.End(nil)
	}
	return r
}

// exchanger makes one HTTP exchange: it adds the credential to the request, and sends it.
type exchanger struct {
	state      *State
	credential *credential
	reading
}

// exchange is a request as a connection has it, which may keep it until its next one: so it
// holds nothing of the answer. It is the context of the request, too, with what connections
// ask of that.
type exchange struct {
	*tether.Context

	request           outgoing.Attempt
	choice            h1.Choice
	used              *h2.Used // nil where no connection is shared
	lane              *fanout.Lane
	recorded          int // the attempt, where it is
	connected, reused bool
	awaits            atomic.Uint32 // the fanout.Cause of a timeout now
}

// Value implements context.Context.
func (e *exchange) Value(key any) any {
	switch key.(type) {
	case tether.ObserverKey:
		return e
	case h1.ChoiceKey:
		return e.choice
	case h2.UsedKey:
		return e.used
	}
	return e.Context.Value(key)
}

// GotConn implements tether.Observer.
func (e *exchange) GotConn(reused bool) {
	e.connected, e.reused = true, reused
	e.await(fanout.ResponseTimeout)
	e.lane.Connected(e.recorded, reused)
}

func (e *exchange) await(c fanout.Cause) { e.awaits.Store(uint32(c)) }

// ask implements stage.
func (s *exchanger) ask(ctx *tether.Context, w *work) reply {
	w.call.Memory.PassLarge()
	e := &exchange{Context: ctx, choice: w.choice}
	if s.state.multiplexed {
		e.used = &w.used
	}
	e.await(fanout.CredentialTimeout)
	w.latest.Store(e)
	w.request.Begin(&e.request, e)
	if w.lane == nil {
		return s.exchange(w, e)
	}
	e.record(w)
	r := s.exchange(w, e)
	if r.recorded = e.recorded; r.answer.Stream == nil {
		w.lane.End(e.recorded, fateOf(ctx, r.answer.Outcome), r.answer.Reason)
	}
	return r
}

// exchange sends one request and takes what comes.
func (s *exchanger) exchange(w *work, e *exchange) reply {
	ctx := e.Context
	token, err := s.credential.show(ctx, &e.request.Request)
	if err == nil {
		err = s.credential.sign(&e.request.Request, w)
	}
	w.attempts.Add(1) // of those under way, too
	if err != nil {
		return reply{answer: e.explained(ctx, fanout.Credential, err), token: token, unsent: true}
	}
	e.await(fanout.ConnectTimeout)
	response, err := s.state.connections.RoundTrip(&e.request.Request)
	if err != nil {
		return e.failed(ctx, err, token, w)
	}
	w.lane.Head(e.recorded, response.StatusCode)
	e.await(fanout.BodyTimeout)
	if response.StatusCode < 200 || response.StatusCode > 599 { // no answer in HTTP; a 101 was never asked for
		_ = response.Body.Close()
		return reply{answer: failure(ctx, fanout.Reset), token: token}
	}
	if s.streams(w.call, response) {
		stream := newStream(ctx, w, response, &s.reading)
		stream.recorded = e.recorded
		return reply{token: token, answer: fanout.Answer{
			Outcome: fanout.Succeeded, Status: response.StatusCode, Header: response.Header, Stream: stream,
		}}
	}
	defer func() { _ = response.Body.Close() }()
	return reply{answer: s.read(ctx, w, response), token: token}
}

// failed is the reply where there was no response.
func (e *exchange) failed(ctx context.Context, err error, token creds.Token, w *work) reply {
	_, unprocessed := errors.AsType[h2.UnprocessedError](err)
	_, unwritten := errors.AsType[h1.UnsentError](err)
	_, died := errors.AsType[h1.DiedError](err)
	return reply{
		answer: e.explained(ctx, carrier.Reason(err, e.connected), err), token: token, unprocessed: unprocessed,
		unsent: unprocessed || unwritten || !e.connected,
		stale:  e.reused && (unwritten || died && w.request.Safe()),
	}
}

// explained is a failure with what of its error may be told: why there was no credential, or
// no connection, or what its time was up before.
func (e *exchange) explained(ctx context.Context, r fanout.Reason, err error) fanout.Answer {
	a := failure(ctx, r)
	a.Cause = fanout.Cause(e.awaits.Load()) //nolint:gosec // one of them
	a.Detail = detail(err)
	switch a.Reason {
	case fanout.Timeout:
	case fanout.Credential:
		a.Cause = fanout.NoCause
	default:
		a.Cause, a.Detail = dial.Cause(err)
	}
	return a
}
