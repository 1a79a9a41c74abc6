package backend

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
	"github.com/fanout-operator/fanout/internal/outgoing"
)

// exchange is one HTTP exchange with the backend, and what is known of it.
type exchange struct {
	backend  *Backend
	request  *outgoing.Request // of all exchanges of the call
	attempts *atomic.Int32
	ctx      context.Context //nolint:containedctx // see cancel
	cancel   context.CancelCauseFunc
	own      bool // ctx is of this exchange alone, and not that of the reservation
	answer   fanout.Answer
	token    creds.Token // the OAuth 2.0 token shown, if any

	trace             httptrace.ClientTrace
	connected, reused bool
	// unwritten says that no byte of it was written on its connection, which has no other
	// exchange (HTTP/1.1).
	unwritten bool
	// died says that the connection, which had been idle, ended before a byte came back.
	died bool
	// unprocessed says that the protocol proves that the backend did nothing with it.
	unprocessed bool
}

// newExchange is one that may end on its own where it is one of several, or bounded in
// time. Another one ends with its reservation.
func (r *reservation) newExchange(ctx context.Context, own bool) *exchange {
	e := &exchange{backend: r.backend, request: &r.request, attempts: &r.attempts, ctx: ctx, cancel: r.cancel, own: own}
	if own {
		e.ctx, e.cancel = context.WithCancelCause(ctx)
	}
	return e
}

// end lets go of an exchange that is over.
func (e *exchange) end() {
	if e.own {
		e.cancel(nil)
	}
}

// run makes the exchange and leaves the answer.
func (e *exchange) run(call *fanout.Call) {
	call.Memory.PassLarge()
	begun := time.Now()
	if limit := e.backend.retry.attemptTimeout; limit > 0 {
		timer := time.AfterFunc(limit, func() { e.cancel(fanout.ErrTimeout) })
		defer timer.Stop()
	}
	e.exchange(e.ctx, call)
	now := time.Now()
	e.backend.state.hedges.took(now, now.Sub(begun))
}

func (e *exchange) exchange(ctx context.Context, call *fanout.Call) {
	request, err := e.attempt(ctx)
	e.attempts.Add(1) // of those under way, too
	if err != nil {
		e.answer = failure(ctx, fanout.Credential)
		e.answer.Detail = detail(err)
		return
	}
	response, err := e.backend.state.connections.RoundTrip(request)
	if err != nil {
		_, e.unprocessed = errors.AsType[h2.UnprocessedError](err)
		_, e.unwritten = errors.AsType[h1.UnsentError](err)
		_, e.died = errors.AsType[h1.DiedError](err)
		e.answer = failure(ctx, classify(err, e.connected))
		e.answer.Detail = detail(err)
		return
	}
	if response.StatusCode < 200 || response.StatusCode > 599 { // no answer in HTTP; a 101 was never asked for
		_ = response.Body.Close()
		e.answer = failure(ctx, fanout.Reset)
		return
	}
	if e.streams(call, response) {
		e.answer = fanout.Answer{
			Outcome: fanout.Succeeded, Status: response.StatusCode, Header: response.Header, Stream: newStream(e, response),
		}
		return
	}
	defer func() { _ = response.Body.Close() }()
	e.read(ctx, call, response)
}

// streams reports whether a response is passed on while it comes. What is no success
// is read whole: it may be repeated.
func (e *exchange) streams(call *fanout.Call, response *http.Response) bool {
	return e.backend.idleTimeout > 0 && response.Body != http.NoBody && response.StatusCode != http.StatusResetContent &&
		e.backend.succeeded(call, response.StatusCode)
}

// unsent reports whether it is proved that the backend did nothing with the request: the
// protocol says so, there was no connection, or a write was never even begun on it. What
// was written on a connection that others share proves nothing.
func (e *exchange) unsent() bool { return e.unprocessed || e.unwritten || !e.connected }

// stale reports whether the exchange met a connection that had died while it was idle.
// Nothing was sent on it, or what is safe to repeat (RFC 9110, section 9.2.2).
func (e *exchange) stale() bool {
	return e.reused && (e.unwritten || e.died && e.request.Safe())
}

func (e *exchange) gotConn(info httptrace.GotConnInfo) { e.connected, e.reused = true, info.Reused }

// attempt is the request with what is of this exchange alone: its context and the credential.
func (e *exchange) attempt(ctx context.Context) (out *http.Request, err error) {
	e.trace.GotConn = e.gotConn
	out = e.request.HTTP(httptrace.WithClientTrace(ctx, &e.trace))
	if e.backend.credential != nil {
		e.token, err = e.backend.credential.show(ctx, out)
	}
	return out, err
}

// failure is the answer of an exchange that yielded no complete response.
func failure(ctx context.Context, r fanout.Reason) fanout.Answer {
	if ctx.Err() != nil {
		r = fanout.Timeout
	}
	return fanout.Answer{Outcome: fanout.Failed, Reason: r}
}
