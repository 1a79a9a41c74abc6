package backend

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
)

// bounded gives each attempt a time of its own.
type bounded struct {
	next  stage
	limit time.Duration
}

// ask implements stage.
func (s *bounded) ask(ctx context.Context, _ context.CancelCauseFunc, w *work) reply {
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.limit, func() { end(fanout.ErrTimeout) })
	defer timer.Stop()
	r := s.next.ask(ctx, end, w)
	if r.answer.Stream == nil {
		end(nil)
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
// holds nothing of the answer.
type exchange struct {
	request           http.Request
	trace             httptrace.ClientTrace
	connected, reused bool
	awaits            atomic.Uint32 // the fanout.Cause of a timeout now
}

func (e *exchange) gotConn(info httptrace.GotConnInfo) {
	e.connected, e.reused = true, info.Reused
	e.await(fanout.ResponseTimeout)
}

func (e *exchange) await(c fanout.Cause) { e.awaits.Store(uint32(c)) }

// ask implements stage.
func (s *exchanger) ask(ctx context.Context, end context.CancelCauseFunc, w *work) reply {
	w.call.Memory.PassLarge()
	e := &exchange{}
	e.trace.GotConn = e.gotConn
	e.await(fanout.CredentialTimeout)
	w.latest.Store(e)
	e.request = w.request.HTTP(httptrace.WithClientTrace(ctx, &e.trace))
	if w.lane == nil {
		return s.exchange(ctx, end, w, e, 0)
	}
	n := e.record(ctx, w)
	r := s.exchange(ctx, end, w, e, n)
	if r.recorded = n; r.answer.Stream == nil {
		w.lane.End(n, fateOf(ctx, r.answer.Outcome), r.answer.Reason)
	}
	return r
}

// exchange sends one request and takes what comes; n is the attempt in the record.
func (s *exchanger) exchange(ctx context.Context, end context.CancelCauseFunc, w *work, e *exchange, n int) reply {
	token, err := s.credential.show(ctx, &e.request)
	if err == nil {
		err = s.credential.sign(&e.request, w)
	}
	w.attempts.Add(1) // of those under way, too
	if err != nil {
		return reply{answer: e.explained(ctx, fanout.Credential, err), token: token, unsent: true}
	}
	e.await(fanout.ConnectTimeout)
	response, err := s.state.connections.RoundTrip(&e.request)
	if err != nil {
		return e.failed(ctx, err, token, w)
	}
	w.lane.Head(n, response.StatusCode)
	e.await(fanout.BodyTimeout)
	if response.StatusCode < 200 || response.StatusCode > 599 { // no answer in HTTP; a 101 was never asked for
		_ = response.Body.Close()
		return reply{answer: failure(ctx, fanout.Reset), token: token}
	}
	if s.streams(w.call, response) {
		stream := newStream(ctx, end, w, response, &s.reading)
		stream.recorded = n
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
