package gate

import (
	"net/http/httptest"
	"testing"

	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func TestWhatHasPassedTheRouteIsRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(*routeconfig.Route) {})
	if _, refusal, _ := admit(g, "GET", "/", with("Via", "1.1 other, 1.1 fanout-x")); statusOf(refusal) != 508 {
		t.Errorf("%+v, want 508", refusal)
	}
	if _, refusal, _ := admit(g, "GET", "/", with("Via", "1.1 other")); refusal != nil {
		t.Errorf("by way of another proxy: %+v", refusal)
	}
}

// An admission has what backends are told of the caller, and what expressions read, where a
// backend asks for it; the room of both is the call's.
func TestAdmissionsAreComplete(t *testing.T) {
	t.Parallel()
	route := testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", "http://one.example.com"),
		testkit.Receiver("two", "http://two.example.com", func(b *routeconfig.Backend) { b.Request.ClientAddress = routeconfig.ClientAddressXForwardedFor }),
		testkit.Receiver("three", "http://three.example.com", func(b *routeconfig.Backend) { b.Request.ClientAddress = routeconfig.ClientAddressForwarded }),
	))
	g, err := New(Options{Config: &route, Computes: true})
	if err != nil {
		t.Fatal(err)
	}
	for limit, status := range map[int64]int{2 * maxChain: 0, 2*maxChain - 1: 503, maxChain - 1: 503} {
		budget := &memory.Budget{Limit: limit}
		r := httptest.NewRequest("GET", "/", nil)
		guest := Guest{Request: r, ID: "r-1", Client: g.Client(r), Memory: budget.Open(g.Client(r))}
		a, refusal := g.Admit(&guest)
		if statusOf(refusal) != status || (a == nil) == (refusal == nil) {
			t.Fatalf("with %d bytes: %+v, want %d", limit, refusal, status)
		}
		if a == nil {
			if !refusal.Read {
				t.Errorf("with %d bytes: the request is taken for one that is not read", limit)
			}
			continue
		}
		if c := &a.Call; c.XForwardedFor != "192.0.2.1" || c.Forwarded != "for=192.0.2.1" || c.RequestID != "r-1" || c.Memory != guest.Memory || a.Input == nil {
			t.Errorf("%+v", a)
		}
		if a.CloseInput(); a.Input != nil {
			t.Error("the input outlives its end")
		}
		a.CloseInput()
	}
}

// What reads no expressions keeps nothing for them.
func TestCallsHaveNoInputWhereNothingIsComputed(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(*routeconfig.Route) {})
	r := httptest.NewRequest("GET", "/", nil)
	a, refusal := g.Admit(&Guest{Request: r, Memory: testkit.Account()})
	if refusal != nil || a.Input != nil {
		t.Fatalf("%+v, %+v; want it in without an input", a, refusal)
	}
	if a.CloseInput(); a.Input != nil {
		t.Error("the end of the input makes one")
	}
}
