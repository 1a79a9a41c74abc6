package proxy_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

func when(expression string) func(*routeconfig.Backend) {
	return func(b *routeconfig.Backend) { b.When = expression }
}

func bodyOf(expression string) func(*routeconfig.Request) {
	return func(r *routeconfig.Request) { r.BodyExpression = expression }
}

// Backends that are left out count for no policy.
func TestWhen(t *testing.T) {
	t.Parallel()
	const never, always, broken = "request.body.region == 'us'", "request.body.region == 'eu'", "request.body.missing"
	for _, row := range []struct {
		name     string
		policy   func(*routeconfig.Route)
		whens    []string
		status   int
		backends string
		asked    []int
	}{
		{"All ignores it", policy("All", 0), []string{never, always}, 200, "b0;outcome=skipped, b1;outcome=succeeded", []int{0, 1}},
		{"a Quorum over too few fails at once", policy("Quorum", 2), []string{never, always}, 502, "b0;outcome=skipped, b1;outcome=skipped", []int{0, 0}},
		{"Required ignores it", func(r *routeconfig.Route) {
			r.Dispatch.Policy, r.Dispatch.Required = "Required", []int{0}
		}, []string{never, always}, 200, "b0;outcome=skipped, b1;outcome=succeeded", []int{0, 1}},
		{"all that are required are left out", func(r *routeconfig.Route) {
			r.Dispatch.Policy, r.Dispatch.Required, r.Response.Type = "Required", []int{0}, "First"
		}, []string{never, always}, 200, "b0;outcome=skipped, b1;outcome=succeeded", []int{0, 1}},
		{"none is left", policy("All", 0), []string{never, never}, 404, "b0;outcome=skipped, b1;outcome=skipped", []int{0, 0}},
		{"an error is a failure", policy("BestEffort", 0), []string{broken, always}, 207, "b0;outcome=failed;reason=expression, b1;outcome=succeeded", []int{0, 1}},
		{"and nothing is sent where it decides", policy("All", 0), []string{broken, always}, 502, "b0;outcome=failed;reason=expression, b1;outcome=skipped", []int{0, 0}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var servers []*testkit.Backend
			var backends []routeconfig.Backend
			for i, w := range row.whens {
				servers = append(servers, testkit.NewBackend(t, nil))
				backends = append(backends, testkit.Receiver([]string{"b0", "b1"}[i], servers[i].URL, when(w)))
			}
			p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", backends, row.policy))
			r := p.Do("POST", "orders", "/", `{"region":"eu"}`)
			got := r.Header.Get("Fanout-Backends")
			for i, want := range strings.Split(row.backends, ", ") {
				if entries := strings.Split(got, ", "); r.Status != row.status || !strings.HasPrefix(entries[i], want) {
					t.Errorf("%d %s, want %d %s", r.Status, got, row.status, row.backends)
				}
			}
			for i, s := range servers {
				if s.Count() != row.asked[i] {
					t.Errorf("backend %d was asked %d times, want %d", i, s.Count(), row.asked[i])
				}
			}
			if row.status == 404 && !strings.Contains(r.Body, "no-backend") {
				t.Errorf("body %s", r.Body)
			}
		})
	}
}

// Case C2 of the field.
func TestC2RewrittenBodyHasItsOwnLength(t *testing.T) {
	t.Parallel()
	first, second := testkit.NewBackend(t, nil), testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("first", first.URL, request(bodyOf(`{'id': request.body.id, 'lines': request.body.items.map(i, i.price)}`))),
		testkit.Receiver("second", second.URL))))
	const body = `{"items":[{"price":1.10},{"price":1e2}],"id":12345678901234567890.10}`
	for _, fields := range [][]string{{"Content-Type", "text/json; charset=latin1"}, {"Content-Encoding", "identity", "Content-MD5", "x"}} {
		if r := p.Do("POST", "orders", "/", body, fields...); r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		got, other := first.Last(t), second.Last(t)
		const want = `{"id":12345678901234567890.10,"lines":[1.10,1e2]}`
		if string(got.Body) != want || got.ContentLength != int64(len(want)) || got.Header.Get("Content-Type") != "application/json" ||
			got.Header.Get("Content-Encoding") != "" || got.Header.Get("Content-Md5") != "" {
			t.Errorf("the first backend got %q, length %d, fields %v", got.Body, got.ContentLength, got.Header)
		}
		if string(other.Body) != body || other.ContentLength != int64(len(body)) {
			t.Errorf("the second backend got %q", other.Body)
		}
	}
	for _, sent := range []string{"", `{"id":1,"secret":2}`} { // the call's own body is not sent in its place
		if r := p.Do("GET", "orders", "/", sent); r.Status != 200 || len(first.Last(t).Body) != 0 {
			t.Errorf("a GET of %q: %d, body %q", sent, r.Status, first.Last(t).Body)
		}
	}
}

func TestRewriting(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{"till": "k1"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", b.URL+"/base", request(func(r *routeconfig.Request) {
			r.Path, r.PathExpression = routeconfig.PathExpression, `'/v2/' + request.body.id + request.path`
			r.SetQuery = []routeconfig.NameValue{{Name: "static", Value: "a b"}, {Name: "tenant", Expression: "request.headers[?'x-tenant'].orValue('none')"},
				{Name: "gone", Expression: "null"}}
			r.SetHeaders = []routeconfig.NameValue{{Name: "X-Amount", Expression: "request.body.amount"}, {Name: "x-caller", Expression: "request.caller"},
				{Name: "X-Gone", Expression: "null"}, {Name: "X-Secrets", Expression: "string(['authorization', 'cookie', 'x-api-key'].exists(n, n in request.headers))"}}
		}))), func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
	}))
	r := p.Do("POST", "orders", "/a%2Fb?gone=1&keep=%20&tenant=x", `{"id":"7;x","amount":1.10}`,
		"X-API-Key", "k1", "Authorization", "Basic x", "Cookie", "c=1", "X-Tenant", "t&1", "X-Gone", "x", "X-Caller", "forged")
	if r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	got := b.Last(t)
	if want := "/v2/7;x/a%2Fb?keep=%20&static=a+b&tenant=t%261"; got.Target != want {
		t.Errorf("target %s, want %s", got.Target, want)
	}
	for name, want := range map[string]string{"X-Amount": "1.10", "X-Caller": "till", "X-Gone": "", "X-Secrets": "false"} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	for _, id := range []string{"../x", "a b", "a?b", "a#b", "a\\u000d\\u000ab", "é"} {
		if r := p.Do("POST", "orders", "/a", `{"id":"`+id+`","amount":1}`, "X-API-Key", "k1"); r.Status != 502 || !strings.Contains(r.Body, `"reason":"expression"`) {
			t.Errorf("id %q: %d %s", id, r.Status, r.Body)
		}
	}
	if n := b.Count(); n != 1 {
		t.Errorf("the backend was asked %d times, want 1", n)
	}
}

// A plan whose expression does not compile is refused, as another version's might.
func TestExpressionOfAnotherVersion(t *testing.T) {
	t.Parallel()
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL)))
	p := proxytest.Serve(t, proxy.Options{}, route)
	route.Backends[0].When = "request.tomorrow"
	if err := p.Proxy.Load(proxytest.Encode(t, route)); err == nil || !strings.Contains(err.Error(), "line 1, column 1") {
		t.Errorf("error %v", err)
	}
	if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
		t.Errorf("the old plan: %d", r.Status)
	}
}

// K3: dispatch.timeout bounds the expressions of a call, and nothing is sent after it. Their
// memory is part of the budget, and given back.
func TestK3ExpressionsAreWithinTheBoundsOfTheCall(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	backends := testkit.Receivers(testkit.Receiver("plain", b.URL), testkit.Receiver("one", b.URL, when("request.body.all(x, x >= 0)")))
	text := "[" + strings.Repeat("1,", 5000) + "1]"
	late := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", backends, func(r *routeconfig.Route) { r.Dispatch.Timeout = 1 }))
	if r := late.Do("POST", "orders", "/", text); r.Status != 504 || strings.Count(r.Header.Get("Fanout-Backends"), "outcome=failed;reason=timeout") != 2 {
		t.Errorf("without time: %d %v", r.Status, r.Header)
	}
	narrow := proxytest.Serve(t, proxy.Options{MemoryBudget: 40_000}, testkit.Route("orders", backends, policy("BestEffort", 0)))
	for _, row := range []struct {
		body   string
		status int
	}{{text, 207}, {"[1]", 200}, {text, 207}} {
		if r := narrow.Do("POST", "orders", "/", row.body); r.Status != row.status ||
			strings.Contains(r.Header.Get("Fanout-Backends"), "one;outcome=rejected;reason=overloaded") != (row.status == 207) {
			t.Errorf("with little memory: %d %v", r.Status, r.Header)
		}
	}
	if n := b.Count(); n != 4 {
		t.Errorf("the backend was asked %d times, want 4", n)
	}
	testkit.Eventually(t, "all is given back", func() bool { return strings.Contains(narrow.Ask("/metrics").Body, "fanout_body_memory_bytes 0\n") })
}
