package backend

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// rewrites are the expressions of a backend; nil ones are not there.
type rewrites struct {
	when, path, body *expression.Program
	headers, query   []computed
	maxBody          int
	// unchanged is what becomes of a call where there is none.
	unchanged *rewritten
}

// computed is a field or parameter whose value an expression yields.
type computed struct {
	name    string
	program *expression.Program
}

// rewritten is what the expressions of a backend made of one call, once for all of its
// attempts.
type rewritten struct {
	path    string
	query   string
	headers []headers.Field
	body    []byte
	hasBody bool
}

// with is another one that has a field more.
func (r *rewritten) with(f headers.Field) *rewritten {
	more := *r
	more.headers = append(slices.Clip(r.headers), f)
	return &more
}

func newRewrites(o *Options) (*rewrites, error) {
	r, request := &rewrites{maxBody: o.MaxBody, unchanged: &rewritten{}}, &o.Config.Request
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
			r.headers = append(r.headers, computed{h.Name, p})
		}
	}
	for _, q := range request.SetQuery {
		if p := compile(q.Expression, expression.Text); p != nil {
			r.query = append(r.query, computed{q.Name, p})
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
func (r *rewrites) takes(ctx context.Context, call *fanout.Call) (bool, error) {
	if r.when == nil {
		return true, nil
	}
	return r.when.Bool(ctx, input(call)) //nolint:wrapcheck // shown as the reason alone
}

// input is what the proxy made of the call, once for all backends.
func input(call *fanout.Call) *expression.Input {
	in, _ := call.Input.(*expression.Input)
	return in
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

var errPath = errors.New("the expression of the path yields none")

// apply evaluates what the request is made of.
func (r *rewrites) apply(ctx context.Context, call *fanout.Call, bodiless bool) (*rewritten, error) {
	if !r.any() {
		return r.unchanged, nil
	}
	in, out := input(call), &rewritten{}
	for _, c := range r.headers {
		text, ok, err := value(ctx, c.program, in, call.Memory)
		if err != nil {
			return nil, err
		}
		if ok {
			out.headers = append(out.headers, headers.Field{Name: c.name, Value: text})
		}
	}
	for _, c := range r.query {
		text, ok, err := value(ctx, c.program, in, call.Memory)
		if err != nil {
			return nil, err
		}
		if ok {
			out.query = appendParameter(out.query, c.name, text)
		}
	}
	if r.path != nil {
		path, _, err := value(ctx, r.path, in, call.Memory)
		if err != nil {
			return nil, err
		}
		if out.path = path; !sendable(path) {
			return nil, errPath
		}
	}
	if r.body == nil || bodiless {
		return out, nil
	}
	var err error
	out.body, err = r.body.JSON(ctx, in, call.Memory, r.maxBody)
	out.hasBody = true
	return out, err //nolint:wrapcheck // shown as the reason alone
}

// escaped is how many times longer a parameter may be with its escapes.
const escaped = 3

// value is that of a field, a parameter or the path, which the call keeps.
func value(ctx context.Context, p *expression.Program, in *expression.Input, account *memory.Account) (text string, ok bool, err error) {
	text, ok, err = p.Text(ctx, in)
	if err == nil && !account.Take(escaped*int64(len(text))) {
		err = expression.ErrMemory
	}
	return text, ok, err //nolint:wrapcheck // shown as the reason alone
}

// sendable reports whether a path may stand in a request line as it is.
func sendable(path string) bool {
	outside := func(c rune) bool { return c <= ' ' || c > '~' || c == '?' || c == '#' }
	return strings.HasPrefix(path, "/") && !strings.ContainsFunc(path, outside) && !hasDotSegment(path) &&
		(!strings.HasPrefix(path, "//") || (&url.URL{Path: path}).EscapedPath() == path)
}

// static are those values that no expression yields.
func static(list []routeconfig.NameValue) []routeconfig.NameValue {
	var out []routeconfig.NameValue
	for _, p := range list {
		if p.Expression == "" {
			out = append(out, p)
		}
	}
	return out
}
