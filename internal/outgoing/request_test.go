package outgoing

import (
	"cmp"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// newRules compiles the rules of a document, at http://one.example.com/x unless it says more.
func newRules(t *testing.T, config routeconfig.Backend) (*Rules, error) {
	t.Helper()
	expressions, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	config.Name, config.URL = "one", cmp.Or(config.URL, "http://one.example.com/x")
	base, err := url.Parse(config.URL)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Config: &config, Base: base, Combined: true, Via: "fanout-x", Expressions: expressions, MaxBody: 1 << 10})
}

func newRequest(t *testing.T, rules routeconfig.Request, call *fanout.Call) Request {
	t.Helper()
	r, err := newRules(t, routeconfig.Backend{Request: rules})
	if err != nil {
		t.Fatal(err)
	}
	computed, takes, err := r.Evaluate(t.Context(), call, expression.NewInput(&expression.Request{Method: call.Method}, testkit.Account()))
	if err != nil || !takes {
		t.Fatal(takes, err)
	}
	return r.Make(call, &computed)
}

// What one attempt shows is of that attempt alone: another one may be reading the same
// fields at the same time.
func TestAttemptsShareWhatTheyDoNotChange(t *testing.T) {
	t.Parallel()
	call := &fanout.Call{Method: "POST", Path: "/", Query: "key=caller&a=1", HasQuery: true, Header: http.Header{"X-Key": {"caller"}}, Body: []byte("body")}
	r := newRequest(t, routeconfig.Request{Path: routeconfig.PathURL}, call)
	var first, second Attempt
	r.Begin(&first, t.Context())
	r.Begin(&second, t.Context())
	ShowField(&first.Request, "X-Key", "ours")
	ShowParameter(&first.Request, "key", "ours")
	if got := first.Header.Get("X-Key"); got != "ours" || first.URL.RawQuery != "a=1&key=ours" {
		t.Errorf("the attempt shows %q and %q", got, first.URL.RawQuery)
	}
	if got := second.Header.Get("X-Key"); got != "caller" || second.URL.RawQuery != call.Query || r.URL.RawQuery != call.Query {
		t.Errorf("another attempt shows %q and %q", got, second.URL.RawQuery)
	}
	for _, attempt := range []*Attempt{&first, &second} {
		if inPlace, ok := attempt.Body.(interface {
			io.WriterTo
			Len() int
		}); !ok || inPlace.Len() != len(call.Body) {
			t.Error("package wire would copy the body")
		}
		if content, err := io.ReadAll(attempt.Body); string(content) != "body" || err != nil || attempt.ContentLength != 4 || attempt.GetBody != nil {
			t.Errorf("an attempt has the body %q (%v), %d bytes", content, err, attempt.ContentLength)
		}
	}
}

// A parameter that is shown is the whole query where there is no other.
func TestParameterThatIsShownAlone(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"": "key=o+k%26", "a=1": "a=1&key=o+k%26", "%6bey=caller": "key=o+k%26", "key": "key=o+k%26"} {
		r := newRequest(t, routeconfig.Request{Path: routeconfig.PathURL}, &fanout.Call{Method: "GET", Path: "/", Query: query, HasQuery: query != ""})
		var attempt Attempt
		r.Begin(&attempt, t.Context())
		if ShowParameter(&attempt.Request, "key", "o k&"); attempt.URL.RawQuery != want {
			t.Errorf("%q becomes %q, want %q", query, attempt.URL.RawQuery, want)
		}
	}
}

// Whether a request may be executed twice depends on what the backend gets, not on what
// the caller sent.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	key := routeconfig.NameValue{Name: "Idempotency-Key", Value: "k"}
	for _, row := range []struct {
		name, method string
		fields       http.Header
		rules        routeconfig.Request
		want         []string
	}{
		{"a GET", "GET", nil, routeconfig.Request{}, []string{routeconfig.RetryIdempotent, routeconfig.RetryIdempotencyKey, routeconfig.RetryAll}},
		{"a POST", "POST", nil, routeconfig.Request{}, []string{routeconfig.RetryAll}},
		{"a POST with the caller's key", "POST", http.Header{"Idempotency-Key": {"k"}}, routeconfig.Request{}, []string{routeconfig.RetryIdempotencyKey, routeconfig.RetryAll}},
		{"a POST with a key of the route", "POST", nil, routeconfig.Request{SetHeaders: []routeconfig.NameValue{key}}, []string{routeconfig.RetryIdempotencyKey, routeconfig.RetryAll}},
		{"a POST whose key is removed", "POST", http.Header{"Idempotency-Key": {"k"}}, routeconfig.Request{RemoveHeaders: []string{"idempotency-key"}}, []string{routeconfig.RetryAll}},
		{"a key that Connection names", "POST", http.Header{"Idempotency-Key": {"k"}, "Connection": {"Idempotency-Key"}}, routeconfig.Request{}, []string{routeconfig.RetryAll}},
		{"a POST that becomes a PUT", "POST", nil, routeconfig.Request{Method: "PUT"}, []string{routeconfig.RetryIdempotent, routeconfig.RetryIdempotencyKey, routeconfig.RetryAll}},
		{"a GET that becomes a POST", "GET", nil, routeconfig.Request{Method: "POST"}, []string{routeconfig.RetryAll}},
	} {
		r := newRequest(t, row.rules, &fanout.Call{Method: row.method, Path: "/", Header: row.fields})
		for _, methods := range []string{routeconfig.RetryIdempotent, routeconfig.RetryIdempotencyKey, routeconfig.RetryAll} {
			if got, want := r.Repeatable(methods), slices.Contains(row.want, methods); got != want {
				t.Errorf("%s by %s: %v, want %v", row.name, methods, got, want)
			}
		}
	}
}

// A body that an expression yields is JSON, unless a rule says what it is.
func TestTypeOfAComputedBody(t *testing.T) {
	t.Parallel()
	typed := routeconfig.NameValue{Name: "content-type", Value: "application/vnd.x+json"}
	for _, row := range []struct {
		name  string
		rules routeconfig.Request
		want  string
	}{
		{"computed", routeconfig.Request{BodyExpression: "{'a': 1}"}, "application/json"},
		{"computed, with a rule", routeconfig.Request{BodyExpression: "{'a': 1}", SetHeaders: []routeconfig.NameValue{typed}}, "application/vnd.x+json"},
		{"the caller's own", routeconfig.Request{}, "text/plain"},
		{"dropped", routeconfig.Request{DropBody: true}, ""},
	} {
		call := &fanout.Call{Method: "POST", Path: "/", Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte("x"), Memory: testkit.Account()}
		r := newRequest(t, row.rules, call)
		if got := r.Fields.Get("Content-Type"); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
