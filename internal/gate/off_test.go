package gate

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// ways are those of a gate that knows no callers, limits nothing and holds bodies against
// nothing, as a whole and without all that such a gate does not do, and that of one that tells backends who calls.
func ways(t testing.TB) map[string]*Gate {
	t.Helper()
	all, cut, tells := newGate(t, func(*routeconfig.Route) {}), newGate(t, func(*routeconfig.Route) {}), newGate(t, func(r *routeconfig.Route) {
		r.Backends = testkit.Receivers(testkit.Receiver("one", "http://one.example.com/", func(b *routeconfig.Backend) {
			b.Request.ClientAddress = routeconfig.ClientAddressXForwardedFor
		}))
	})
	cut.steps = []step{cut.match, cut.breakLoop, cut.readBody}
	return map[string]*Gate{"with what is off": all, "without it": cut, "that tells": tells}
}

// enters is a call that the gate admits, and which is over then.
func enters(t testing.TB, g *Gate) func() {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/orders?a=1", nil)
	r.RequestURI = "/orders?a=1"
	r.Header.Set("X-API-Key", "web-key")
	guest := Guest{Writer: httptest.NewRecorder(), Request: r, Client: g.Client(r), Memory: testkit.Account()}
	return func() {
		a, refusal := g.Admit(&guest)
		if refusal != nil {
			t.Fatal(refusal)
		}
		a.CloseInput()
	}
}

// What a route does not ask for costs its calls no memory.
func TestWhatIsOffAllocatesNothing(t *testing.T) { // alone: it counts allocations
	made := map[string]float64{}
	for name, g := range ways(t) {
		made[name] = testing.AllocsPerRun(100, enters(t, g))
	}
	if made["with what is off"] != made["without it"] || made["that tells"] <= made["without it"] {
		t.Errorf("things that are made: %v", made)
	}
}

// An admission with all that the route does not ask for, and without it.
func BenchmarkAdmit(b *testing.B) {
	for name, g := range ways(b) {
		b.Run(name, func(b *testing.B) {
			enter := enters(b, g)
			b.ReportAllocs()
			for b.Loop() {
				enter()
			}
		})
	}
}
