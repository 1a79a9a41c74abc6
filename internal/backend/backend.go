// Package backend asks one backend: it has the request made out of the call, shows
// the credential, holds the limits, repeats what may be repeated, and turns
// whatever comes back into an answer. It knows nothing of the other backends, nor
// of policies. Everything goes through one http.RoundTripper, which tests and
// faster transports replace.
//
// A call passes stages: those before a byte is sent are written in Reserve, the others in
// stack, one line each.
package backend

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/outgoing"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Options are those of a Backend. They outlive no plan; what must is in State.
type Options struct {
	Config *routeconfig.Backend
	State  *State
	// Combined says that the response is made of several bodies. Otherwise they are
	// streamed, and IdleTimeout bounds how long a backend may be silent.
	Combined    bool
	IdleTimeout time.Duration
	// Credentials are the fields in which callers of the route send theirs.
	Credentials *headers.Credentials
	// Via is the route's pseudonym for the loop guard.
	Via string
	// Expressions compiles those of the backend; MaxBody bounds the body that one yields.
	Expressions *expression.Compiler
	MaxBody     int
}

// Backend is one receiver of calls, compiled. It is safe for concurrent use.
type Backend struct {
	state      *State
	outgoing   *outgoing.Rules
	credential *credential
	stack      stage
}

// New compiles a backend. The document is valid, so an error is a defect of ours.
func New(o Options) (*Backend, error) {
	base, err := url.Parse(o.Config.URL)
	if err != nil {
		return nil, fmt.Errorf("parse url of backend %q: %w", o.Config.Name, err)
	}
	credential := newCredential(o.Config.Credential, o.State, base)
	rules, err := outgoing.New(outgoing.Options{
		Config: o.Config, Base: base, Credentials: o.Credentials, Shown: o.Config.Credential.Fields(),
		Combined: o.Combined, Via: o.Via, Expressions: o.Expressions, MaxBody: o.MaxBody,
	})
	if err != nil {
		return nil, fmt.Errorf("compile requests to backend %q: %w", o.Config.Name, err)
	}
	return &Backend{state: o.State, outgoing: rules, credential: credential, stack: o.stack(credential)}, nil
}

// stack is what a call passes once it is reserved, from its backend outwards.
func (o *Options) stack(c *credential) stage {
	s, retry := o.State, newRetry(o.Config.Retry)
	var asked stage = &exchanger{state: s, credential: c, reading: o.reading()} // one HTTP exchange
	if retry.attemptTimeout > 0 {
		asked = &bounded{next: asked, limit: retry.attemptTimeout} // an end of its own
	}
	if s.hedges != nil {
		asked = &hedger{next: asked, hedges: s.hedges, retry: &retry} // another one beside it, where it is late
	}
	asked = &retrier{next: asked, retry: &retry, state: s}                  // another one after it, where it failed
	asked = &judge{next: asked, breaker: s.breaker}                         // what all this says of the backend
	asked = &queue{next: asked}                                             // a slot, which may take a while
	return &deadline{next: asked, timeout: time.Duration(o.Config.Timeout)} // the time for all of it
}

func (o *Options) reading() reading {
	return reading{
		combined: o.Combined, idleTimeout: o.IdleTimeout, maxSize: o.Config.MaxResponseSize,
		success: newSuccesses(o.Config.SuccessStatusCodes), credential: o.Config.Credential != nil,
	}
}

// CheckPath returns an error for a call whose path this backend cannot be sent
// byte for byte below its own.
func (b *Backend) CheckPath(call *fanout.Call) error { return b.outgoing.Check(call) }

// Circuit is the state of the circuit breaker at a time.
func (b *Backend) Circuit(now time.Time) stats.Circuit { return b.state.breaker.Circuit(now) }

// Hedges counts the attempts that were hedges, those of them whose answer stood, and
// those that did not; ok is false where the backend is not hedged.
func (b *Backend) Hedges() (sent, won, wasted uint64, ok bool) {
	h := b.state.hedges
	if h == nil {
		return 0, 0, 0, false
	}
	return h.sent.Load(), h.won.Load(), h.wasted.Load(), true
}

// Queued is how many calls wait for a slot, and how many may; ok is false where none does.
func (b *Backend) Queued() (n, most int64, ok bool) {
	l := &b.state.limits
	return min(l.queued.Load(), l.places), l.places, l.slots != nil
}

// TokenEnds is when the access token that the backend is shown ends; zero where there is none.
// ok is false where it is shown no such token.
func (b *Backend) TokenEnds() (at time.Time, ok bool) {
	if b.state.tokens == nil {
		return time.Time{}, false
	}
	return b.state.tokens.Ends(), true
}

// Computes reports whether the backend has expressions.
func (b *Backend) Computes() bool { return b.outgoing.Computes() }

// Forbidden says of each Secret that is shown why it may not be sent where every call would
// send it; nothing where it may.
func (b *Backend) Forbidden() (list []Refusal) {
	for _, r := range []*Refusal{b.credential.forbidden(b.outgoing.Host()), b.state.pairForbidden(), b.state.issuer.forbidden(), b.credential.workloadForbidden(b.outgoing.Host())} {
		if r != nil {
			list = append(list, *r)
		}
	}
	return list
}

// Reserve is the backend's part of fanout.Reserver. What a call passes before a byte is sent
// stands here, in order; the rest is in stack. The backend's expressions read in, which may
// be nil where it has none, and not after Reserve has returned.
func (b *Backend) Reserve(ctx context.Context, call *fanout.Call, in *expression.Input) (fanout.Reservation, fanout.Answer) {
	computed, takes, err := b.outgoing.Evaluate(ctx, call, in) // the condition, and the expressions
	if err != nil {
		return nil, unevaluated(ctx, err)
	}
	if !takes {
		return nil, fanout.Answer{Outcome: fanout.Skipped}
	}
	if err := b.credential.ready(b.outgoing.Authority(call)); err != nil { // the credential
		return nil, fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Credential, Detail: detail(err)}
	}
	ticket, refusal, ok := b.state.admit() // the breaker, a slot, a token of the rate
	if !ok {
		return nil, refusal
	}
	request := b.outgoing.Make(call, &computed) // the request, for all attempts
	b.credential.identify(&request)
	r := &reservation{stack: b.stack, work: work{request: request, ticket: ticket}}
	if !b.state.multiplexed {
		r.work.rules = b.outgoing
	}
	return r, fanout.Answer{}
}

// unevaluated is the answer of a backend whose expressions came to no end.
func unevaluated(ctx context.Context, err error) fanout.Answer {
	switch {
	case errors.Is(err, expression.ErrMemory):
		return overloaded()
	case ctx.Err() != nil:
		return ended(ctx, failure(ctx, fanout.Timeout))
	}
	return fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Expression}
}
