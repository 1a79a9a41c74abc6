package gate

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// testKey compiles the key of a limit; nil for none.
func testKey(t testing.TB, source string) *expression.Program {
	t.Helper()
	if source == "" {
		return nil
	}
	c, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Compile(source, expression.Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// few is a limit of so many calls an hour.
func few(name string, calls int, modify ...func(*routeconfig.RateLimit)) routeconfig.RateLimit {
	l := routeconfig.RateLimit{Name: name, Requests: calls, Burst: calls, Per: testkit.Span(time.Hour), Told: true}
	for _, m := range modify {
		m(&l)
	}
	return l
}

func keyed(key, value string) func(*routeconfig.RateLimit) {
	return func(l *routeconfig.RateLimit) {
		if l.Key = key; key == routeconfig.KeyExpression {
			l.Expression = value
		} else {
			l.Header = value
		}
	}
}

func reporting(l *routeconfig.RateLimit) { l.Report, l.Told = true, false }

// limited is a gate with limits, and callers by their API keys.
func limited(t *testing.T, limits ...routeconfig.RateLimit) *Gate {
	t.Helper()
	return newGate(t, func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
		r.RateLimits = limits
	})
}

// visitor sends calls of one caller to a gate and returns their statuses, 0 where admitted,
// and the fields of the last response.
func visitor(g *Gate, modify ...func(*http.Request)) (status int, h http.Header) {
	r := httptest.NewRequest("GET", "/", nil)
	r.RequestURI, r.RemoteAddr = "/?plan=gold", "10.0.0.1:1234"
	for _, m := range modify {
		m(r)
	}
	w := httptest.NewRecorder()
	_, refusal := g.Admit(&Guest{Writer: w, Request: r, Client: g.Client(r), Memory: testkit.Account()})
	if refusal != nil {
		status = refusal.Status
	}
	return status, w.Header()
}

func times(n int, g *Gate, modify ...func(*http.Request)) []int {
	var got []int
	for range n {
		status, _ := visitor(g, modify...)
		got = append(got, status)
	}
	return got
}

func TestCallersCountByTheirNames(t *testing.T) {
	t.Parallel()
	g := limited(t, few("by-caller", 2, keyed(routeconfig.KeyCaller, "")))
	got := slices.Concat(
		times(1, g, with("X-API-Key", "till-old")), times(2, g, with("X-API-Key", "till-new")), times(1, g, with("X-API-Key", "web-key")))
	if want := []int{0, 0, 429, 0}; !slices.Equal(got, want) {
		t.Errorf("two keys of one caller, then another caller: %v, want %v", got, want)
	}
}

func TestCallsCountByWhatAnExpressionYields(t *testing.T) {
	t.Parallel()
	g := limited(t, few("by-plan", 1, keyed(routeconfig.KeyExpression,
		"request.headers['x-plan'] == 'free' ? dyn(request.caller + request.query.plan) : request.headers['x-plan'] == 'vip' ? null : dyn(7)")))
	for _, row := range []struct {
		name string
		plan string
		key  string
		want []int
	}{
		{"a string", "free", "web-key", []int{0, 429}},
		{"the same one of another caller", "free", "till-old", []int{0, 429}},
		{"null is not limited", "vip", "web-key", []int{0, 0}},
		{"a number", "gold", "web-key", []int{0, 429}},
		{"what fails shares a bucket", "", "web-key", []int{0, 429}},
		{"whoever makes it fail", "", "till-old", []int{429, 429}},
	} {
		fields := []func(*http.Request){with("X-API-Key", row.key)}
		if row.plan != "" {
			fields = append(fields, with("X-Plan", row.plan))
		}
		if got := times(2, g, fields...); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	// Credentials are no part of what expressions see.
	g = limited(t, few("by-key", 1, keyed(routeconfig.KeyExpression, "request.headers['x-api-key']")))
	if got := slices.Concat(times(1, g, with("X-API-Key", "web-key")), times(1, g, with("X-API-Key", "till-old"))); !slices.Equal(got, []int{0, 429}) {
		t.Errorf("an expression sees a credential: %v", got)
	}
}

// What a call is told of a limit that had counted it before another one refused it is what that
// has after it was given back.
func TestARefusedCallIsToldWhatIsLeft(t *testing.T) {
	t.Parallel()
	g := limited(t,
		few("big", 5, func(l *routeconfig.RateLimit) { l.Told = true }, keyed(routeconfig.KeyHeader, "X-Tenant")),
		few("small", 1, func(l *routeconfig.RateLimit) { l.Told = true }, keyed(routeconfig.KeyHeader, "X-Tenant")))
	for i, want := range []string{`"big";r=4;t=720, "small";r=0;t=3600`, `"big";r=4;t=720, "small";r=0;t=3600`, `"big";r=4;t=720, "small";r=0;t=3600`} {
		status, h := visitor(g, with("X-API-Key", "web-key"))
		if got := h[FieldRateLimit]; (status == 429) != (i > 0) || !slices.Equal(got, []string{want}) {
			t.Errorf("call %d: %d %q, want %q", i, status, got, want)
		}
	}
}

func TestCallsCountByTheClaimsOfTheirTokens(t *testing.T) {
	t.Parallel()
	g, signer := believing(t, func(r *routeconfig.Route) {
		r.RateLimits = []routeconfig.RateLimit{few("by-plan", 1, keyed(routeconfig.KeyExpression, "request.claims.plan"))}
	})
	of := func(plan string) func(*http.Request) {
		said := claims("a")
		said["plan"] = plan
		return with("Authorization", "Bearer "+signer.Sign(said))
	}
	if got := slices.Concat(times(2, g, of("free")), times(1, g, of("gold"))); !slices.Equal(got, []int{0, 429, 0}) {
		t.Errorf("two calls by one plan, then another: %v", got)
	}
}

func TestAKeyWithoutMemoryIsOverloaded(t *testing.T) {
	t.Parallel()
	for name, modify := range map[string]func(*routeconfig.RateLimit){
		"Enforce": func(*routeconfig.RateLimit) {}, "Report": reporting, "Route": shared(routeconfig.StoreFailureAllow),
	} {
		g := sharing(t, "127.0.0.1:1", true, few("by-plan", 1, keyed(routeconfig.KeyExpression, "request.query.plan"), modify))
		r := httptest.NewRequest("GET", "/?plan=gold", nil)
		r.Header.Set("X-Api-Key", "web-key")
		budget := &memory.Budget{Limit: 1}
		account := budget.Open(netip.Addr{})
		_, refusal := g.Admit(&Guest{Writer: httptest.NewRecorder(), Request: r, Client: g.Client(r), Memory: account})
		if refusal == nil || refusal.Status != http.StatusServiceUnavailable {
			t.Errorf("%s without memory for the key: %+v", name, refusal)
		}
		account.Close()
		if used := budget.Used(); used != 0 {
			t.Errorf("%s: %d bytes are kept", name, used)
		}
	}
}

// A call is taken of all limits or of none.
func TestARefusedCallIsTakenOfNoLimit(t *testing.T) {
	t.Parallel()
	g := limited(t,
		few("wide", 3, keyed(routeconfig.KeyHeader, "X-Tenant")), few("narrow", 1, keyed(routeconfig.KeyHeader, "X-User")),
		few("trial", 2, keyed(routeconfig.KeyHeader, "X-Tenant"), reporting))
	key := with("X-API-Key", "web-key")
	got := slices.Concat(times(5, g, key, with("X-User", "a")), times(1, g, key, with("X-User", "b")), times(1, g, key, with("X-User", "c")), times(1, g, key, with("X-User", "d")))
	if want := []int{0, 429, 429, 429, 429, 0, 0, 429}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if trial := g.late.reported[0]; trial.Limited() != 1 {
		t.Errorf("the limit that reports has counted %d, want the third admitted call alone", trial.Limited())
	}
}

func TestALimitThatReportsRefusesNothing(t *testing.T) {
	t.Parallel()
	g := limited(t, few("trial", 1, reporting), few("late", 1, keyed(routeconfig.KeyCaller, ""), reporting))
	if got := times(4, g, with("X-API-Key", "web-key")); !slices.Equal(got, []int{0, 0, 0, 0}) {
		t.Errorf("got %v", got)
	}
	for _, l := range []*Limiter{g.early.reported[0], g.late.reported[0]} {
		if l.Limited() != 3 {
			t.Errorf("%s has counted %d calls beyond it, want 3", l.config.Name, l.Limited())
		}
	}
	if _, h := visitor(g, with("X-API-Key", "web-key")); h[FieldRateLimit] != nil || h[FieldRateLimitPolicy] != nil {
		t.Errorf("callers are told of a limit that refuses nothing: %v", h)
	}
}

func TestFieldsTellWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := limited(t,
			few("by-client", 3, keyed(routeconfig.KeyClientIP, "")),
			few("by-caller", 2, keyed(routeconfig.KeyCaller, ""), func(l *routeconfig.RateLimit) { l.Per, l.Burst = testkit.Span(90*time.Second), 4 }),
			few("quick", 100, keyed(routeconfig.KeyCaller, ""), func(l *routeconfig.RateLimit) { l.Per = testkit.Span(400 * time.Millisecond) }),
			few("secret", 100, func(l *routeconfig.RateLimit) { l.Told = false }))
		const rules = `"by-client";q=3;w=3600, "by-caller";q=2;w=90, "quick";q=250;w=1`
		for i, row := range []struct {
			key, want, retryAfter string
		}{
			{"web-key", `"by-client";r=2;t=1200, "by-caller";r=3;t=45, "quick";r=99;t=1`, ""},
			{"wrong", `"by-client";r=1;t=2400`, ""},
			{"web-key", `"by-client";r=0;t=3600, "by-caller";r=2;t=90, "quick";r=98;t=1`, ""},
			{"web-key", `"by-client";r=0;t=1200`, "1200"},
		} {
			r := httptest.NewRequest("GET", "/", nil)
			r.RequestURI, r.RemoteAddr = "/", "10.0.0.1:1234"
			r.Header.Set("X-Api-Key", row.key)
			w := httptest.NewRecorder()
			_, refusal := g.Admit(&Guest{Writer: w, Request: r, Client: g.Client(r), Memory: testkit.Account()})
			if got := w.Header()[FieldRateLimit]; !slices.Equal(got, []string{row.want}) {
				t.Errorf("call %d: %q, want %q", i, got, row.want)
			}
			if got := w.Header()[FieldRateLimitPolicy]; !slices.Equal(got, []string{rules}) {
				t.Errorf("call %d: policy %q, want %q", i, got, rules)
			}
			if row.retryAfter != "" && (refusal == nil || !slices.Equal(refusal.Values, []string{row.retryAfter}) || refusal.Field != "Retry-After") {
				t.Errorf("call %d: %+v, want Retry-After: %s", i, refusal, row.retryAfter)
			}
		}
	})
}

func TestKeysCannotReadTheBody(t *testing.T) {
	t.Parallel()
	c, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"request.body.tenant", "string(request.body)", "has(request.body.a) ? 'a' : 'b'", "['a'].exists(x, x == request.body.a)"} {
		if _, err := c.Compile(source, expression.Key); err == nil || !strings.Contains(err.Error(), "request.body is not read yet") {
			t.Errorf("%s: %v", source, err)
		}
	}
	if _, err := c.Compile("{}", expression.Key); err == nil {
		t.Error("a map is taken for a key")
	}
}

// Limits without an expression, whose callers are told nothing, allocate nothing.
func TestSilentLimitsAllocateNothing(t *testing.T) {
	// Not parallel: allocations of others would count.
	silent := func(l *routeconfig.RateLimit) { l.Told, l.Requests, l.Burst = false, 1_000_000, 1_000_000 }
	g := limited(t, few("all", 1, silent), few("client", 1, keyed(routeconfig.KeyClientIP, ""), silent),
		few("tenant", 1, keyed(routeconfig.KeyHeader, "X-Tenant"), silent), few("caller", 1, keyed(routeconfig.KeyCaller, ""), silent))
	r := httptest.NewRequest("GET", "/", nil)
	guest, a := &Guest{Writer: httptest.NewRecorder(), Request: r}, &Admission{}
	a.Call.Header = r.Header
	if n := testing.AllocsPerRun(100, func() {
		g.limitAddress(guest, a)
		g.limitField(guest, a)
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}
