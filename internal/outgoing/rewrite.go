package outgoing

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/memory"
)

// rewrites are the expressions of a backend; nil ones are not there.
type rewrites struct {
	when, path, body *expression.Program
	headers, query   []formula
	maxBody          int
}

// formula is a field or parameter whose value an expression yields.
type formula struct {
	name    string
	program *expression.Program
}

// Computed is what the expressions of a backend yielded for one call.
type Computed struct {
	path    string
	query   string
	headers []headers.Field
	body    []byte
	hasBody bool
}

func newRewrites(o *Options) (*rewrites, error) {
	r, request := &rewrites{maxBody: o.MaxBody}, &o.Config.Request
	var errs []error
	compile := func(source string, want expression.Want) *expression.Program {
		if source == "" {
			return nil
		}
		program, err := o.Expressions.Compile(source, want)
		errs = append(errs, err)
		return program
	}
	r.when = compile(o.Config.When, expression.Bool)
	r.path = compile(request.PathExpression, expression.Text)
	r.body = compile(request.BodyExpression, expression.JSON)
	for _, h := range request.SetHeaders {
		if p := compile(h.Expression, expression.Text); p != nil {
			r.headers = append(r.headers, formula{h.Name, p})
		}
	}
	for _, q := range request.SetQuery {
		if p := compile(q.Expression, expression.Text); p != nil {
			r.query = append(r.query, formula{q.Name, p})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("compile expressions: %w", err)
	}
	return r, nil
}

// any reports whether there is an expression.
func (r *rewrites) any() bool {
	return r.when != nil || r.path != nil || r.body != nil || len(r.headers)+len(r.query) > 0
}

func (r *rewrites) headerNames() []string {
	var names []string
	for _, c := range r.headers {
		names = append(names, c.name)
	}
	return names
}

// takes reports whether the backend gets the call.
func (r *rewrites) takes(ctx context.Context, in *expression.Input) (bool, error) {
	if r.when == nil {
		return true, nil
	}
	return r.when.Bool(ctx, in) // shown as the reason alone
}

var errPath = errors.New("the expression of the path yields none")

// apply evaluates what the request is made of.
func (r *rewrites) apply(ctx context.Context, call *fanout.Call, in *expression.Input, bodiless bool) (out Computed, err error) {
	for _, c := range r.headers {
		text, ok, err := value(ctx, c.program, in, call.Memory)
		if err != nil {
			return out, err
		}
		if ok {
			out.headers = append(out.headers, headers.Field{Name: c.name, Value: text})
		}
	}
	for _, c := range r.query {
		text, ok, err := value(ctx, c.program, in, call.Memory)
		if err != nil {
			return out, err
		}
		if ok {
			out.query = appendParameter(out.query, c.name, text)
		}
	}
	if r.path != nil {
		path, _, err := value(ctx, r.path, in, call.Memory)
		if err != nil {
			return out, err
		}
		if out.path = path; !sendable(path) {
			return out, errPath
		}
	}
	if r.body == nil || bodiless {
		return out, nil
	}
	out.body, err = r.body.JSON(ctx, in, call.Memory, r.maxBody)
	out.hasBody = true
	return out, err // shown as the reason alone
}

// escaped is how many times longer a parameter may be with its escapes.
const escaped = 3

// value is that of a field, a parameter or the path, which the call keeps.
func value(ctx context.Context, p *expression.Program, in *expression.Input, account *memory.Account) (text string, ok bool, err error) {
	text, ok, err = p.Text(ctx, in)
	if err == nil && !account.Take(escaped*int64(len(text))) {
		err = expression.ErrMemory
	}
	return text, ok, err // shown as the reason alone
}

// sendable reports whether a path may stand in a request line as it is.
func sendable(path string) bool {
	outside := func(c rune) bool { return c <= ' ' || c > '~' || c == '?' || c == '#' }
	return strings.HasPrefix(path, "/") && !strings.ContainsFunc(path, outside) && !hasDotSegment(path) &&
		(!strings.HasPrefix(path, "//") || (&url.URL{Path: path}).EscapedPath() == path)
}
