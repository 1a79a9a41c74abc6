// Package backend asks one backend: it makes the request out of the call, shows
// the credential, holds the limits, repeats what may be repeated, and turns
// whatever comes back into an answer. It knows nothing of the other backends, nor
// of policies. Everything goes through one http.RoundTripper, which tests and
// faster transports replace.
//
// The stages, in order: credential and limits (Reserve), deadline, attempts with
// their waits, one exchange each.
package backend

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
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
	target     target
	headers    *headers.Rules
	credential *credential
	retry      retry
	rewrites   *rewrites
	method     string
	host       string
	passHost   bool
	dropBody   bool
	combined   bool
	// clientAddress is the document's kind of field that tells who calls, or empty.
	clientAddress string
	timeout       time.Duration
	// idleTimeout bounds the silence of a response that is streamed; 0 for one that is
	// read whole.
	idleTimeout time.Duration
	maxSize     int64
	success     successes
}

// New compiles a backend. The document is valid, so an error is a defect of ours.
func New(o Options) (*Backend, error) {
	base, err := url.Parse(o.Config.URL)
	if err != nil {
		return nil, fmt.Errorf("parse url of backend %q: %w", o.Config.Name, err)
	}
	request := &o.Config.Request
	rewrites, err := newRewrites(&o)
	if err != nil {
		return nil, err
	}
	b := &Backend{
		rewrites:      rewrites,
		state:         o.State,
		target:        newTarget(base, o.Config),
		credential:    newCredential(o, base),
		retry:         newRetry(o.Config.Retry),
		method:        request.Method,
		host:          request.Host,
		passHost:      request.ForwardHost,
		clientAddress: request.ClientAddress,

		dropBody:    request.DropBody || request.Method == "GET" || request.Method == "HEAD",
		combined:    o.Combined,
		timeout:     time.Duration(o.Config.Timeout),
		idleTimeout: o.IdleTimeout,
		maxSize:     o.Config.MaxResponseSize,
		success:     newSuccesses(o.Config.SuccessStatusCodes),
	}
	b.headers = headers.Compile(headers.Options{
		Credentials: o.Credentials,
		Forward:     request.ForwardCredentials,
		Shown:       b.credential.field(),
		Remove:      append(slices.Clip(request.RemoveHeaders), rewrites.headerNames()...),
		Set:         fields(static(request.SetHeaders)),
		Combined:    o.Combined,
		DropBody:    b.dropBody || rewrites.body != nil,
		Via:         o.Via,
	})
	return b, nil
}

func fields(set []routeconfig.NameValue) []headers.Field {
	out := make([]headers.Field, len(set))
	for i, f := range set {
		out[i] = headers.Field{Name: f.Name, Value: f.Value}
	}
	return out
}

// CheckPath returns an error for a call whose path this backend cannot be sent
// byte for byte below its own.
func (b *Backend) CheckPath(call *fanout.Call) error { return b.target.check(call) }

// Circuit is the state of the circuit breaker at a time; "" without one.
func (b *Backend) Circuit(now time.Time) Circuit { return b.state.breaker.circuit(now) }

// Hedges counts the attempts that were hedges, those of them whose answer stood, and
// those that did not; ok is false where the backend is not hedged.
func (b *Backend) Hedges() (sent, won, wasted uint64, ok bool) {
	h := b.state.hedges
	if h == nil {
		return 0, 0, 0, false
	}
	return h.sent.Load(), h.won.Load(), h.wasted.Load(), true
}

// Computes reports whether the backend has expressions, which read the call's Input.
func (b *Backend) Computes() bool { return b.rewrites.any() }

// Reserve implements fanout.Backend: the call is for the backend, the credential is
// there and may be sent, the limits admit the call.
func (b *Backend) Reserve(ctx context.Context, call *fanout.Call) (fanout.Reservation, fanout.Answer) {
	takes, err := b.rewrites.takes(ctx, call)
	if err != nil {
		return nil, unevaluated(ctx, err)
	}
	if !takes {
		return nil, fanout.Answer{Outcome: fanout.Skipped}
	}
	rewritten, err := b.rewrites.apply(ctx, call, b.bodiless(call))
	if err != nil {
		return nil, unevaluated(ctx, err)
	}
	if told := b.told(call); told.Name != "" {
		rewritten = rewritten.with(told)
	}
	if err := b.credential.ready(b.authority(call)); err != nil {
		return nil, fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Credential, Detail: detail(err)}
	}
	r, refusal := b.state.admit()
	if r == nil {
		return nil, refusal
	}
	r.backend, r.rewritten = b, rewritten
	return r, fanout.Answer{}
}

// told is the field that tells the backend who calls; it has no name where there is none.
func (b *Backend) told(call *fanout.Call) headers.Field {
	switch {
	case b.clientAddress == routeconfig.ClientAddressXForwardedFor && call.XForwardedFor != "":
		return headers.Field{Name: "X-Forwarded-For", Value: call.XForwardedFor}
	case b.clientAddress == routeconfig.ClientAddressForwarded && call.Forwarded != "":
		return headers.Field{Name: "Forwarded", Value: call.Forwarded}
	}
	return headers.Field{}
}

// methodOf is the method that the backend gets.
func (b *Backend) methodOf(call *fanout.Call) string {
	if b.method != "" {
		return b.method
	}
	return call.Method
}

// bodiless reports whether the backend gets no body, whatever the call has.
func (b *Backend) bodiless(call *fanout.Call) bool {
	method := b.methodOf(call)
	return b.dropBody || method == http.MethodGet || method == http.MethodHead
}
