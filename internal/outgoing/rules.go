// Package outgoing makes the request that a backend is to get out of a call: method,
// authority, path, query, fields and body, once for all attempts. What an attempt adds, its
// credential, is added to that attempt's own.
package outgoing

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are what Rules are made of.
type Options struct {
	Config *routeconfig.Backend
	// Base is Config.URL.
	Base *url.URL
	// Credentials are the fields in which callers of the route send theirs, Shown are those
	// of the backend's own.
	Credentials *headers.Credentials
	Shown       []string
	// Combined says that the response is made of several bodies.
	Combined bool
	// Via is the route's pseudonym for the loop guard.
	Via string
	// Expressions compiles those of the backend; MaxBody bounds the body that one yields, in
	// bytes.
	Expressions *expression.Compiler
	MaxBody     int
}

// Rules make the requests for one backend. They are immutable.
type Rules struct {
	target       target
	rewrites     *rewrites
	fields       *headers.Rules
	method, host string
	passHost     bool
	dropBody     bool
	// clientAddress is the document's kind of field that tells who calls, or empty.
	clientAddress string
}

// New compiles Rules. The document is valid, so an error is a defect of ours.
func New(o Options) (*Rules, error) {
	rewrites, err := newRewrites(&o)
	if err != nil {
		return nil, err
	}
	request := &o.Config.Request
	r := &Rules{
		target:        newTarget(o.Base, o.Config),
		rewrites:      rewrites,
		method:        request.Method,
		host:          request.Host,
		passHost:      request.ForwardHost,
		dropBody:      request.DropBody || request.Method == http.MethodGet || request.Method == http.MethodHead,
		clientAddress: request.ClientAddress,
	}
	r.fields = headers.Compile(headers.Options{
		Credentials: o.Credentials,
		Forward:     request.ForwardCredentials,
		Shown:       o.Shown,
		Remove:      append(slices.Clip(request.RemoveHeaders), rewrites.headerNames()...),
		Set:         static(request.SetHeaders),
		Combined:    o.Combined,
		DropBody:    r.dropBody || rewrites.body != nil,
		Via:         o.Via,
	})
	return r, nil
}

// static are those fields whose values no expression yields.
func static(list []routeconfig.NameValue) []headers.Field {
	var out []headers.Field
	for _, f := range list {
		if f.Expression == "" {
			out = append(out, headers.Field{Name: f.Name, Value: f.Value})
		}
	}
	return out
}

// Check returns an error for a call whose path the backend cannot be sent byte for byte
// below its own.
func (r *Rules) Check(call *fanout.Call) error { return r.target.check(call) }

// Computes reports whether there are expressions.
func (r *Rules) Computes() bool { return r.rewrites.any() }

// Host is the authority that every request has, whatever its call; empty for that of the
// URL, or where it depends on the call.
func (r *Rules) Host() string {
	if r.passHost {
		return ""
	}
	return r.host
}

// Authority is the Host that the backend sees with a call; empty for that of the URL.
func (r *Rules) Authority(call *fanout.Call) string {
	if r.passHost {
		return call.Host
	}
	return r.host
}

// Evaluate evaluates the expressions for a call, which the backend does not get where takes
// is false. They read in, which was made of the call, and may be nil where there are none. The
// errors are those of expressions.
func (r *Rules) Evaluate(ctx context.Context, call *fanout.Call, in *expression.Input) (c Computed, takes bool, err error) {
	if takes, err = r.rewrites.takes(ctx, in); !takes || err != nil {
		return c, false, err
	}
	c, err = r.rewrites.apply(ctx, call, in, r.bodiless(call))
	return c, err == nil, err
}

// Make makes the request for a call, out of it and of what its expressions yielded.
func (r *Rules) Make(call *fanout.Call, c *Computed) Request {
	query, hasQuery := r.target.query(call)
	if c.query != "" {
		query, hasQuery = join(query, c.query), true
	}
	path := c.path
	if path == "" {
		path = r.target.full(call)
	}
	out := Request{Method: r.methodOf(call), Authority: r.Authority(call), URL: r.target.url(path, query, hasQuery)}
	var content headers.Content
	out.Body, content = r.body(call, c)
	out.Fields = r.fields.Apply(call.Header, c.headers, content)
	if name, value := r.told(call); value != "" {
		out.Fields[name] = []string{value}
	}
	if _, known := out.Fields[contentType]; c.hasBody && !known { // a rule may know better
		out.Fields[contentType] = []string{"application/json"}
	}
	return out
}

// Recycle takes back what Make has returned, once no attempt has any use for it.
func (r *Rules) Recycle(request *Request) {
	r.fields.Recycle(request.Fields)
	request.Fields = nil
}

const contentType = "Content-Type"

// body is what the request carries, and whether that is what the call has.
func (r *Rules) body(call *fanout.Call, c *Computed) ([]byte, headers.Content) {
	switch {
	case c.hasBody:
		return c.body, headers.Replaced
	case !r.dropBody && r.rewrites.body == nil, len(call.Body) == 0:
		return call.Body, headers.Received
	}
	return nil, headers.Replaced // another one is not sent in its place
}

// told is the field that tells the backend who calls, and its value; empty for none.
func (r *Rules) told(call *fanout.Call) (name, value string) {
	switch r.clientAddress {
	case routeconfig.ClientAddressXForwardedFor:
		return "X-Forwarded-For", call.XForwardedFor
	case routeconfig.ClientAddressForwarded:
		return "Forwarded", call.Forwarded
	}
	return "", ""
}

func (r *Rules) methodOf(call *fanout.Call) string {
	if r.method != "" {
		return r.method
	}
	return call.Method
}

// bodiless reports whether the request for a call has no body that an expression yields.
func (r *Rules) bodiless(call *fanout.Call) bool {
	method := r.methodOf(call)
	return r.dropBody || method == http.MethodGet || method == http.MethodHead
}
