package outgoing

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// expressing are documents with an expression at each of its places.
func expressing(source string) map[string]routeconfig.Backend {
	value := []routeconfig.NameValue{{Name: "x-n", Expression: source}}
	return map[string]routeconfig.Backend{
		"when":  {When: source + " == '1'"},
		"path":  {Request: routeconfig.Request{Path: routeconfig.PathExpression, PathExpression: "'/' + " + source}},
		"body":  {Request: routeconfig.Request{BodyExpression: source}},
		"field": {Request: routeconfig.Request{SetHeaders: value}},
		"query": {Request: routeconfig.Request{SetQuery: value}},
	}
}

// evaluate evaluates what a document says for a POST with a body, whose memory is bounded.
func evaluate(ctx context.Context, t *testing.T, config routeconfig.Backend, limit int64) (takes bool, err error) {
	t.Helper()
	r, err := newRules(t, config)
	if err != nil {
		t.Fatal(err)
	}
	budget := &memory.Budget{Limit: limit}
	account := budget.Open(netip.Addr{})
	defer account.Close()
	call := &fanout.Call{Method: "POST", Path: "/", Body: []byte(`["1"]`), Memory: account}
	in := expression.NewInput(&expression.Request{Method: "POST", Body: call.Body}, account)
	defer in.Close()
	_, takes, err = r.Evaluate(ctx, call, in)
	return takes, err
}

// Where an expression comes to no end there is no request, wherever it stands: the error
// says why.
func TestExpressionsThatFailMakeNoRequest(t *testing.T) {
	t.Parallel()
	over, end := context.WithCancelCause(t.Context())
	end(fanout.ErrTimeout)
	for place, config := range expressing("request.body[0]") {
		if takes, err := evaluate(t.Context(), t, config, 1<<20); err != nil || !takes {
			t.Errorf("%s: %v, %v", place, takes, err)
		}
		if takes, err := evaluate(over, t, config, 1<<20); !errors.Is(err, fanout.ErrTimeout) || takes {
			t.Errorf("%s: %v, %v, want %v", place, takes, err, fanout.ErrTimeout)
		}
		if takes, err := evaluate(t.Context(), t, config, 0); !errors.Is(err, expression.ErrMemory) || takes {
			t.Errorf("%s: %v, %v, want %v", place, takes, err, expression.ErrMemory)
		}
	}
}

// A document whose expressions do not compile makes no rules.
func TestExpressionsHaveToCompile(t *testing.T) {
	t.Parallel()
	for place, config := range expressing("(") {
		r, err := newRules(t, config)
		if _, ok := errors.AsType[*expression.Error](err); !ok || r != nil {
			t.Errorf("%s: %v, %v", place, r, err)
		}
	}
}

// A backend is not sent what its condition excludes.
func TestConditionOfABackend(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]bool{"": true, "request.method == 'POST'": true, "request.method == 'GET'": false} {
		if takes, err := evaluate(t.Context(), t, routeconfig.Backend{When: when}, 1<<20); err != nil || takes != want {
			t.Errorf("when %q: %v, %v", when, takes, err)
		}
	}
}

// A path that an expression yields is sent as it is, or not at all.
func TestPathsThatExpressionsYield(t *testing.T) {
	t.Parallel()
	for path, sent := range map[string]bool{
		"/a": true, "/a%2Fb": true, "//a": true, "/a:b;c=d": true,
		"": false, "a": false, "*": false, "/a b": false, "/a?b": false, "/a#b": false, "/ä": false, "/a/../b": false, "//a{": false,
	} {
		request := routeconfig.Request{Path: routeconfig.PathExpression, PathExpression: "'" + path + "'"}
		takes, err := evaluate(t.Context(), t, routeconfig.Backend{Request: request}, 1<<20)
		if takes != sent || !sent && !errors.Is(err, errPath) {
			t.Errorf("%q: %v, %v", path, takes, err)
		}
		if !sent {
			continue
		}
		r := newRequest(t, request, &fanout.Call{Method: "GET", Path: "/of/the/call", Memory: testkit.Account()})
		if got := r.URL.RequestURI(); got != path {
			t.Errorf("%q is sent as %q", path, got)
		}
	}
}

// A GET and a HEAD carry no body that an expression yields, whatever the caller's method.
func TestWhichRequestsCarryAComputedBody(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ method, sent, want string }{
		{"POST", "", `{"a":1}`}, {"GET", "", ""}, {"HEAD", "", ""}, {"GET", "PUT", `{"a":1}`}, {"POST", "GET", ""},
	} {
		r := newRequest(t, routeconfig.Request{Method: row.sent, BodyExpression: "{'a': 1}"},
			&fanout.Call{Method: row.method, Path: "/", Body: []byte("x"), Memory: testkit.Account()})
		if string(r.Body) != row.want {
			t.Errorf("a %s that is sent as %q carries %q, want %q", row.method, row.sent, r.Body, row.want)
		}
	}
}
