package gate

import (
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// aside counts what is long enough to be done where it delays nobody.
type aside struct{ long int }

// Do implements memory.Order.
func (a *aside) Do(_ uint64, bytes int, f func()) {
	if bytes >= bulk.Least {
		a.long++
	}
	f()
}

// Pass implements memory.Order.
func (*aside) Pass(uint64) {}

// Expressions about a long head are evaluated where that delays nobody, those about a short
// one at once.
func TestExpressionsAboutLongHeadsAreEvaluatedAside(t *testing.T) {
	t.Parallel()
	const late = "!has(request.body.none)"
	compiler, err := expression.NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	for name, modify := range map[string]func(*routeconfig.Route){
		"a rule": func(r *routeconfig.Route) {
			r.Validation.Rules = []routeconfig.Rule{{Name: "path", Expression: "!request.path.matches('z$')", Message: "no"}}
		},
		"who may call": func(r *routeconfig.Route) {
			r.Authorization = &routeconfig.Authorization{Rules: []routeconfig.AuthorizationRule{{Expression: "!request.path.matches('z$')", Message: "no"}}}
		},
		"who may send such a body": func(r *routeconfig.Route) {
			r.Authorization = &routeconfig.Authorization{Rules: []routeconfig.AuthorizationRule{{Expression: late, Message: "no"}}}
		},
	} {
		route := testkit.Route("orders", nil, modify)
		g, err := New(Options{Config: &route, Expressions: compiler})
		if err != nil {
			t.Fatal(err)
		}
		for taken, want := range map[int64]int{1_000: 0, 60_000: 1} {
			order := &aside{}
			account := (&memory.Budget{Limit: 1 << 30, Order: order}).Open(netip.Addr{})
			account.Take(taken)
			r := httptest.NewRequest("POST", "/", nil)
			sending(`{"a":1}`)(r)
			_, refusal := g.Admit(&Guest{Writer: httptest.NewRecorder(), Request: r, Client: netip.MustParseAddr("10.0.0.1"), Memory: account})
			if refusal != nil || order.long != want {
				t.Errorf("%s, a head of %d bytes: %d times aside, want %d; refused %+v", name, taken, order.long, want, refusal)
			}
		}
	}
}
