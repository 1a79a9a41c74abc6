package rates

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
)

// pool is one proxy that serves many routes, each with calls of its own.
type pool struct {
	mu       sync.Mutex
	document string
	calls    map[string]uint64 // by route
	lacks    string            // the route that a Secret is missing of
	asked    [][]string        // of which routes, poll by poll
	down     bool
	takes    time.Duration // a poll
}

func (p *pool) change(c func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c()
}

// polls returns those since the last call.
func (p *pool) polls() [][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// Fetch implements Fetcher.
func (p *pool) Fetch(_ context.Context, _ string, bounds stats.Bounds) (*stats.Report, error) {
	p.mu.Lock()
	takes := p.takes
	p.mu.Unlock()
	time.Sleep(takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	report := &stats.Report{Version: stats.ReportVersion, Document: p.document, Ready: true}
	var names []string
	for _, b := range bounds {
		names = append(names, b.Name)
		r := stats.RouteReport{Namespace: b.Namespace, Name: b.Name, Windows: stats.Windowed(Window, stats.CallsWindow{Seconds: 300, Calls: stats.Calls{Complete: p.calls[b.Name]}})}
		if b.Name == p.lacks {
			r.Missing = []stats.MissingKey{{Secret: "partner", Key: "token"}}
		}
		report.Routes = append(report.Routes, r)
	}
	slices.Sort(names)
	p.asked = append(p.asked, names)
	if p.down {
		return nil, context.DeadlineExceeded
	}
	return report, nil
}

// A proxy that serves several routes is asked once for all of them, and each is shown what
// is its own.
func TestAProxyOfManyRoutesIsAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		proxy := &pool{document: "h1", calls: map[string]uint64{"a": 1, "b": 2, "c": 3}}
		poller := New(proxy, 5*time.Second, func(types.NamespacedName) {})
		route := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: name} }
		shows := func(name string) (o *Observation, calls uint64) {
			o = poller.Shown(route(name))
			if o == nil {
				return nil, 0
			}
			return o, o.Sum.Windows.Of(Window).Calls.Complete
		}
		poller.Set(route("a"), targets("p"), want("h1"))
		poller.Set(route("b"), targets("p"), want("h1"))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- poller.Run(ctx) }()
		time.Sleep(20*time.Second + time.Second)
		if polls := proxy.polls(); len(polls) != 5 || slices.ContainsFunc(polls, func(of []string) bool { return !slices.Equal(of, []string{"a", "b"}) }) {
			t.Errorf("in twenty seconds it was asked for %v, want five times for a and b", polls)
		}
		for name, want := range proxy.calls {
			if o, calls := shows(name); name != "c" && calls != want || name == "c" && o != nil {
				t.Errorf("of route %s %d calls are shown, want %d", name, calls, want)
			}
		}

		poller.Set(route("c"), targets("p"), want("h1")) // one that joins is asked for at once
		time.Sleep(time.Second)
		if _, calls := shows("c"); calls != 3 {
			t.Errorf("of a route that joined %d calls are shown", calls)
		}
		proxy.change(func() { proxy.lacks = "b" })
		time.Sleep(5 * time.Second)
		for name, missing := range map[string]int{"a": 0, "b": 1, "c": 0} {
			if o, _ := shows(name); len(o.Sum.Missing) != missing {
				t.Errorf("of route %s %v is shown as missing", name, o.Sum.Missing)
			}
		}

		proxy.polls()
		poller.Set(route("a"), targets("p"), want("h2")) // an edit of one hurries for it
		time.Sleep(3 * time.Second)
		proxy.change(func() { proxy.document = "h2" })
		time.Sleep(time.Second)
		if polls := proxy.polls(); len(polls) < 6 {
			t.Errorf("while an edit was awaited it was asked %d times in four seconds", len(polls))
		}
		if o, _ := shows("a"); o.Proxies[0].Document != "h2" {
			t.Errorf("the edit is not shown: %+v", o.Proxies)
		}
		poller.Set(route("b"), targets("p"), want("h2"))
		poller.Set(route("c"), targets("p"), want("h2"))
		time.Sleep(time.Second)

		poller.Forget(route("a")) // the others go on
		proxy.polls()
		time.Sleep(10 * time.Second)
		if polls := proxy.polls(); len(polls) != 2 || !slices.Equal(polls[0], []string{"b", "c"}) {
			t.Errorf("without a it was asked for %v, want twice for b and c", polls)
		}
		proxy.change(func() { proxy.down = true })
		time.Sleep(20 * time.Second)
		for _, name := range []string{"b", "c"} {
			if o, calls := shows(name); o.Proxies[0].Reached || calls != 0 {
				t.Errorf("of route %s %+v and %d calls are shown, want a proxy that is unreachable", name, o.Proxies, calls)
			}
		}
		poller.Forget(route("b"))
		poller.Set(route("c"), nil, want("h2"))
		if n := len(poller.proxies); n != 0 || poller.rooms["shop"].taken != 0 {
			t.Errorf("%d proxies of no route are kept, %d bytes of what they said", n, poller.rooms["shop"].taken)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Routes come and go while a proxy is being asked: who came is asked for at once, and who
// went keeps nobody waiting.
func TestRoutesComeAndGoWhileAProxyIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		proxy := &pool{document: "h1", calls: map[string]uint64{"a": 1, "b": 2, "c": 3}, takes: time.Second}
		poller := New(proxy, 5*time.Second, func(types.NamespacedName) {})
		route := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: name} }
		poller.Set(route("a"), targets("p", "q"), want("h1"))
		poller.Set(route("b"), targets("p"), want("h1"))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- poller.Run(ctx) }()
		time.Sleep(5500 * time.Millisecond) // the second polls are under way
		poller.Set(route("c"), targets("p"), want("h1"))
		poller.Set(route("a"), targets("q"), want("h1"))
		time.Sleep(2 * time.Second)
		if o := poller.Shown(route("c")); o == nil || o.Sum.Windows.Of(Window).Calls.Complete != 3 {
			t.Errorf("two seconds after it came %+v is shown of a route", o)
		}
		proxy.change(func() { proxy.calls["a"] = 100 })
		time.Sleep(40 * time.Second)
		if o := poller.Shown(route("a")); len(o.Proxies) != 1 || o.Sum.Windows.Of(Window).Calls.Complete != 100 {
			t.Errorf("of a route that gave a proxy up %+v is shown, want the figures of the other one", o)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The same name and address in another namespace is another proxy.
func TestNamespacesHaveNoProxyInCommon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		proxy := &pool{document: "h1", calls: map[string]uint64{}}
		poller := New(proxy, 5*time.Second, func(types.NamespacedName) {})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- poller.Run(ctx) }()
		poller.Set(types.NamespacedName{Namespace: "shop", Name: "a"}, targets("p"), want("h1"))
		poller.Set(types.NamespacedName{Namespace: "lab", Name: "b"}, targets("p"), want("h1"))
		time.Sleep(time.Second)
		for _, names := range proxy.polls() {
			if len(names) != 1 {
				t.Errorf("routes of two namespaces are asked for at once: %v", names)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
