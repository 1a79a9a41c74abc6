package gate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/quota"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// sharing is a gate of its own proxy, of two by the document, whose limits are counted in a
// store; where that is said to answer, it does.
func sharing(t *testing.T, address string, down bool, limits ...routeconfig.RateLimit) *Gate {
	t.Helper()
	store := quota.New(quota.Options{
		Config: &routeconfig.RateLimitStore{
			Addresses: []string{address}, Topology: routeconfig.TopologyStandalone, Prefix: "fanout:", Timeout: testkit.Span(time.Second),
		},
		Namespace: testkit.Namespace, Credentials: creds.NewStore(creds.Options{Tree: os.DirFS(t.TempDir())}), Dialer: dial.New(dial.Options{AllowLoopback: true}),
	})
	t.Cleanup(store.Close)
	g := limited(t, limits...)
	g.quota = store.Route(testkit.Namespace, "orders", 2)
	if !down {
		testkit.Eventually(t, "the store answers", func() bool { return store.Fault() == "" })
	}
	return g
}

func shared(onFailure string) func(*routeconfig.RateLimit) {
	return func(l *routeconfig.RateLimit) { l.Shared, l.OnStoreFailure = true, onFailure }
}

// timeless is a field without times, which pass.
func timeless(lines []string) string {
	return regexp.MustCompile(`;t=[1-9][0-9]*`).ReplaceAllString(strings.Join(lines, "\n"), "")
}

func TestGatesShareTheirLimits(t *testing.T) {
	t.Parallel()
	address := testkit.NewRedis(t).Address
	limits := []routeconfig.RateLimit{
		few("by-client", 100, keyed(routeconfig.KeyClientIP, ""), shared(routeconfig.StoreFailureAllow)),
		few("by-caller", 3, keyed(routeconfig.KeyCaller, ""), shared(routeconfig.StoreFailureDeny)),
		few("by-plan", 50, keyed(routeconfig.KeyExpression, "'x-plan' in request.headers ? dyn(request.headers['x-plan']) : null"), shared(routeconfig.StoreFailureDeny)),
		few("trial", 2, keyed(routeconfig.KeyHeader, "X-Tenant"), shared(routeconfig.StoreFailureDeny), reporting),
	}
	one, two := sharing(t, address, false, limits...), sharing(t, address, false, limits...)
	till, web := with("X-API-Key", "till-old"), with("X-API-Key", "web-key")
	got := slices.Concat(times(2, one, till), times(2, two, till), times(1, one, till), times(1, two, web))
	if want := []int{0, 0, 0, 429, 429, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	_, h := visitor(two, web)
	if got := timeless(h[FieldRateLimit]); got != `"by-client";r=93, "by-caller";r=1` {
		t.Errorf("fields %q", got)
	}
	_, h = visitor(two, web, with("X-Plan", "gold"))
	if got := timeless(h[FieldRateLimit]); got != `"by-client";r=92, "by-caller";r=0, "by-plan";r=49` {
		t.Errorf("fields %q", got)
	}
	if n := one.late.shared[2].Limited() + two.late.shared[2].Limited(); n < 3 {
		t.Errorf("the limit that reports has counted %d calls beyond it", n)
	}
}

// A call that one limit refuses is taken of no other, whoever counts.
func TestStoresAndProxiesTakeAllOrNothing(t *testing.T) {
	t.Parallel()
	g := sharing(t, testkit.NewRedis(t).Address, false,
		few("own", 2, keyed(routeconfig.KeyHeader, "X-Own")), few("common", 2, keyed(routeconfig.KeyHeader, "X-Common"), shared(routeconfig.StoreFailureDeny)))
	web, a, b := with("X-API-Key", "web-key"), with("X-Own", "b"), with("X-Common", "b")
	got := slices.Concat(
		times(3, g, web),       // both are used up
		times(3, g, web, a),    // refused by the store: the own bucket b stays full
		times(3, g, web, b),    // refused here: the store's bucket b stays full
		times(3, g, web, a, b), // both have two
	)
	if want := []int{0, 0, 429, 429, 429, 429, 429, 429, 429, 0, 0, 429}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLimitsWithoutTheirStore(t *testing.T) {
	t.Parallel()
	const nobody = "127.0.0.1:1"
	for _, row := range []struct {
		name   string
		limits []routeconfig.RateLimit
		want   []int
		counts uint64 // of the last limit
	}{
		{"Allow", []routeconfig.RateLimit{few("a", 1, shared(routeconfig.StoreFailureAllow))}, []int{0, 0, 0, 0}, 0},
		{"Deny", []routeconfig.RateLimit{few("a", 1, shared(routeconfig.StoreFailureDeny))}, []int{503, 503, 503, 503}, 0},
		{"Deny of one that reports", []routeconfig.RateLimit{few("a", 1, shared(routeconfig.StoreFailureDeny), reporting)}, []int{0, 0, 0, 0}, 0},
		{"half of the limit", []routeconfig.RateLimit{few("a", 6, shared(routeconfig.StoreFailureLocalShare))}, []int{0, 0, 0, 429}, 1},
		{"half of one that reports", []routeconfig.RateLimit{few("a", 4, shared(routeconfig.StoreFailureLocalShare), reporting)}, []int{0, 0, 0, 0}, 2},
		{"half of one call", []routeconfig.RateLimit{few("a", 1, shared(routeconfig.StoreFailureLocalShare))}, []int{0, 429, 429, 429}, 3},
		{"what Deny refuses is not taken here", []routeconfig.RateLimit{
			few("deny", 1, keyed(routeconfig.KeyHeader, "X-A"), shared(routeconfig.StoreFailureDeny)), few("own", 1, keyed(routeconfig.KeyHeader, "X-A"))}, []int{503, 503, 503, 503}, 0},
	} {
		g := sharing(t, nobody, true, row.limits...)
		if got := times(4, g, with("X-API-Key", "web-key")); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
		limiters := slices.Concat(g.early.shared, g.late.shared)
		if l := limiters[0]; l.Limited() != row.counts || l.Unknown() != 4 {
			t.Errorf("%s: %d beyond the limit, %d unknown; want %d and 4", row.name, l.Limited(), l.Unknown(), row.counts)
		}
	}
}

// The even rate is divided, too; the buckets outlive another number of proxies alone.
func TestSharesOfALimit(t *testing.T) {
	t.Parallel()
	l := NewLimiter(few("a", 100, shared(routeconfig.StoreFailureLocalShare)), nil)
	if three := l.alone(3); three.config.Burst != 33 || three.interval != 108*time.Second || l.alone(3) != three || l.alone(2) == three {
		t.Errorf("a third has a burst of %d, and a call each %v", three.config.Burst, three.interval)
	}
}

func TestWhoLeavesAsksNoStore(t *testing.T) {
	t.Parallel()
	g := sharing(t, testkit.NewRedis(t).Address, false, few("a", 1, shared(routeconfig.StoreFailureDeny)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	_, refusal := g.Admit(&Guest{Writer: httptest.NewRecorder(), Request: r, Client: g.Client(r), Memory: testkit.Account()})
	if refusal == nil || !refusal.Gone || g.quota.Proxies() < 1 {
		t.Errorf("got %+v", refusal)
	}
	if l := g.early.shared[0]; l.Unknown() != 0 {
		t.Error("a client that left is held against the store")
	}
}

func TestCallsWithoutASharedLimitAskNoStore(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t)
	g := sharing(t, redis.Address, false, few("a", 1, keyed(routeconfig.KeyExpression, "null"), shared(routeconfig.StoreFailureDeny)))
	redis.Signal(syscall.SIGSTOP) // whoever asks it is not answered
	if got := times(2, g, with("X-API-Key", "web-key")); !slices.Equal(got, []int{0, 0}) || g.quota.Store().Failures() != 0 {
		t.Errorf("%v, and %d questions without an answer", got, g.quota.Store().Failures())
	}
}
