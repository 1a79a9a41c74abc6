package rates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
)

// fleet is the proxies of many routes, in memory. A silent one lets a poll time out.
type fleet struct {
	latency time.Duration

	mu        sync.Mutex
	silent    map[string]bool                    // by URL
	documents map[types.NamespacedName]string    // h1 where there is none
	asked     map[string][]time.Time             // by URL
	shown     map[types.NamespacedName]time.Time // when the newest document was
	under     map[string]int                     // polls under way, by namespace
	most      map[string]int
	poller    *Poller
}

func newFleet() *fleet {
	return &fleet{
		silent: map[string]bool{}, documents: map[types.NamespacedName]string{}, asked: map[string][]time.Time{},
		shown: map[types.NamespacedName]time.Time{}, under: map[string]int{}, most: map[string]int{},
	}
}

// Fetch implements Fetcher.
func (f *fleet) Fetch(ctx context.Context, url string, bounds stats.Bounds) (*stats.Report, error) {
	of := bounds[0]
	f.mu.Lock()
	f.asked[url] = append(f.asked[url], time.Now())
	f.under[of.Namespace]++
	f.most[of.Namespace] = max(f.most[of.Namespace], f.under[of.Namespace])
	silent := f.silent[url]
	f.mu.Unlock()
	defer f.change(func() { f.under[of.Namespace]-- })
	takes := f.latency
	if silent {
		takes = fetchTimeout
	}
	if takes > 0 {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if silent {
		return nil, errors.New("no answer")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	document, ok := f.documents[types.NamespacedName{Namespace: of.Namespace, Name: of.Name}]
	if !ok {
		document = "h1"
	}
	return &stats.Report{Document: document, Routes: []stats.RouteReport{{Namespace: of.Namespace, Name: of.Name}}}, nil
}

func (f *fleet) change(c func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c()
}

// times are those at which a proxy was asked.
func (f *fleet) times(url string) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked[url])
}

// shownAt is when the newest document of a route was shown.
func (f *fleet) shownAt(route types.NamespacedName) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown[route]
}

// moved notes when a document other than the first is shown of all of a route's proxies.
func (f *fleet) moved(route types.NamespacedName) {
	o := f.poller.Shown(route)
	if o != nil && !slices.ContainsFunc(o.Proxies, func(p Proxy) bool { return p.Document != "h2" }) {
		f.change(func() { f.shown[route] = time.Now() })
	}
}

// run polls the fleet for the time that during takes.
func (f *fleet) run(t *testing.T, during func()) {
	t.Helper()
	f.poller = New(f, 5*time.Second, f.moved)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.poller.Run(ctx) }()
	during()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// set makes the poller watch a route with some Pods, and returns their URLs.
func (f *fleet) set(route types.NamespacedName, pods int, document string) (urls []string) {
	var list []Target
	for i := range pods {
		name := fmt.Sprintf("%s-%d", route.Name, i)
		list = append(list, Target{Name: name, URL: "http://" + route.Namespace + "." + name + "/status"})
		urls = append(urls, list[i].URL)
	}
	f.poller.Set(route, list, want(document))
	return urls
}

// longest is the longest time between two polls of a proxy, and to now.
func (f *fleet) longest(url string) (gap time.Duration) {
	times := append(f.times(url), time.Now())
	for i := 1; i < len(times); i++ {
		gap = max(gap, times[i].Sub(times[i-1]))
	}
	return gap
}

// L2: sixteen routes of ten silent Pods each take nothing from another tenant, whose
// Pods are polled at their pace from the first second on, nor all slots there are.
func TestL2SilentPodsOfOneTenantDelayNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.run(t, func() {
			for i := range 16 {
				for _, url := range f.set(types.NamespacedName{Namespace: "noisy", Name: fmt.Sprintf("r%d", i)}, 10, "h1") {
					f.change(func() { f.silent[url] = true })
				}
			}
			time.Sleep(time.Second)
			begun := time.Now()
			urls := f.set(orders, 2, "h1")
			time.Sleep(2 * time.Minute)
			for _, url := range urls {
				if first := f.times(url)[0].Sub(begun); first > 0 {
					t.Errorf("%s was asked for the first time after %v, want at once", url, first)
				}
				if gap := f.longest(url); gap > 5*time.Second+breath {
					t.Errorf("%s was not asked for %v, want every 5 s", url, gap)
				}
			}
		})
		if most := f.most["noisy"]; most > 16+8 {
			t.Errorf("%d polls of silent Pods were under way at once, want at most 24", most)
		}
	})
}

// L2: Pods of a route are asked side by side: what is known of the others does not wait
// for the silent one longer than its time.
func TestL2PodsOfARouteAreAskedSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.latency = time.Second
		f.run(t, func() {
			urls := f.set(orders, 10, "h1")
			synctest.Wait()
			for _, url := range urls {
				if n := len(f.times(url)); n != 1 {
					t.Errorf("%s was asked %d times within the first second, want once", url, n)
				}
			}
			time.Sleep(time.Second + breath)
			if o := f.poller.Shown(orders); o == nil || len(o.Proxies) != 10 {
				t.Errorf("after a second %+v is shown, want ten proxies", o)
			}
		})
	})
}

// editsShow edits twenty of a hundred routes in ten namespaces, which have been there
// for some minutes, and returns how long each edit took to show. A route's proxy takes
// the document 200 ms after it was written.
func editsShow(t *testing.T, hanging int) (took []time.Duration, polls int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.latency = 5 * time.Millisecond
		route := func(i int) types.NamespacedName {
			return types.NamespacedName{Namespace: fmt.Sprintf("n%d", i%10), Name: fmt.Sprintf("r%d", i)}
		}
		f.run(t, func() {
			for i := range 100 + hanging {
				for _, url := range f.set(route(i), 2, "h1") {
					f.change(func() { f.silent[url] = i >= 100 })
				}
			}
			time.Sleep(3 * time.Minute)
			for i := range 20 {
				begun := time.Now()
				f.set(route(i), 2, "h2")
				time.Sleep(200 * time.Millisecond)
				f.change(func() { f.documents[route(i)] = "h2" })
				time.Sleep(2*time.Second + 17*time.Millisecond)
				if at := f.shownAt(route(i)); at.IsZero() {
					took = append(took, time.Since(begun))
				} else {
					took = append(took, at.Sub(begun))
				}
			}
			for i := 20; i < 100; i++ {
				for _, url := range f.set(route(i), 2, "h1") {
					polls += len(f.times(url))
				}
			}
		})
	})
	return took, polls
}

// L6: beside a hundred routes forty hang, and the edits of the others show as fast as
// without them, and the others are asked as often.
func TestL6HangingProxiesDelayNoEdits(t *testing.T) {
	t.Parallel()
	alone, polls := editsShow(t, 0)
	beside, besides := editsShow(t, 40)
	for i := range alone {
		if limit := hurry + 2*breath; alone[i] > limit || beside[i] > limit {
			t.Errorf("edit %d shows after %v alone and after %v beside hanging proxies, want within %v", i, alone[i], beside[i], limit)
		}
	}
	if besides < polls*99/100 {
		t.Errorf("the others were asked %d times alone and %d times beside hanging proxies", polls, besides)
	}
}

// L6: an edit does not stand in a queue behind figures, however long, not even where its
// own proxies are in it.
func TestL6EditsGoBeforeFigures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.latency = 100 * time.Millisecond
		f.run(t, func() {
			for i := range 2000 { // 16 slots: 12 s of figures every 5 s
				f.set(types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("r%d", i)}, 1, "h1")
			}
			time.Sleep(3 * time.Minute)
			route := types.NamespacedName{Namespace: "shop", Name: "r1234"}
			f.change(func() { f.documents[route] = "h2" })
			begun := time.Now()
			f.set(route, 1, "h2")
			time.Sleep(time.Minute)
			if at := f.shownAt(route); at.Sub(begun) > 2*f.latency+breath || at.IsZero() {
				t.Errorf("the edit showed after %v, want at the first poll", at.Sub(begun))
			}
		})
	})
}

// L6: a proxy that does not answer is asked less and less often, half a minute apart at
// most, and is found soon when it is back.
func TestL6SilentProxiesWaitLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.run(t, func() {
			url := f.set(orders, 1, "h1")[0]
			f.change(func() { f.silent[url] = true })
			time.Sleep(10 * time.Minute)
			times := f.times(url)
			if len(times) > 24 {
				t.Errorf("it was asked %d times in ten minutes, want at most 24", len(times))
			}
			for i := 2; i < len(times); i++ {
				if before, pause := times[i-1].Sub(times[i-2]), times[i].Sub(times[i-1]); pause < before-breath {
					t.Errorf("poll %d came after %v, the one before after %v", i, pause, before)
				}
			}
			if o := f.poller.Shown(orders); o == nil || o.Proxies[0].Reached {
				t.Errorf("%+v is shown, want an unreachable proxy", o)
			}
			f.change(func() { delete(f.silent, url) })
			time.Sleep(longestPause + maxStrikes*(hurry+breath))
			if o := f.poller.Shown(orders); !o.Proxies[0].Reached {
				t.Error("half a minute after it is back it is still unreachable")
			}
		})
	})
}

// L4: a proxy that answers every other poll, or two of four, stays what it is, and its
// figures do not come and go.
func TestL4FlickeringProxiesShowNothing(t *testing.T) {
	t.Parallel()
	for name, pattern := range map[string]string{"every other": "+-", "two of four": "++--"} {
		polled(t, func(p *proxies, poller *Poller, moved *changes) {
			p.call(200, time.Millisecond)
			time.Sleep(12 * time.Second)
			moved.take()
			p.change(func() { p.pattern = map[string]string{"http://b/status": pattern} })
			for range 600 { // steady load
				p.call(200, time.Millisecond)
				time.Sleep(time.Second)
				if o := poller.Shown(orders); !o.Proxies[1].Reached {
					t.Errorf("%s: the proxy is shown as unreachable", name)
					break
				}
			}
			if shown := moved.take(); len(shown) > 12 { // the rate of the first minutes
				t.Errorf("%s: %d changes were shown in ten minutes, want those of the growing rate alone", name, len(shown))
			}
		})
	}
}

// L4: what was unreachable is so until it answers steadily.
func TestL4Hysteresis(t *testing.T) {
	t.Parallel()
	for polls, want := range map[string]string{
		"+-+-+-+-+-":       "rrrrrrrrrr",
		"+--+--+--+---":    "rrrrruuuuuuuu",
		"+---+-+-+-":       "rrruuuuuuu",
		"+---+++":          "rrruuur",
		"+-------+++++":    "rrruuuuuuuuur",
		"---+":             "  uu",
		"-+":               " r",
		"--+-+":            "  rrr",
		"+---+++-+-+":      "rrruuurrrrr",
		"+----++-++-+++++": "rrruuuuuuuuurrrr",
	} {
		c, got := &contact{id: proxyID{target: Target{Name: "p"}}}, ""
		for i := range polls {
			if polls[i] == '+' {
				c.answered(nil, &stats.Report{}, time.Time{})
			} else {
				c.missed(nil)
			}
			switch {
			case !c.known:
				got += " "
			case c.proxy.Reached:
				got += "r"
			default:
				got += "u"
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", polls, got, want)
		}
	}
}

// Nothing is shown of a route before all of its proxies are known, so that an operator
// that has just begun moves no condition.
func TestNothingIsShownOfHalfARoute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.run(t, func() {
			f.change(func() { f.silent["http://shop.orders-1/status"] = true })
			f.set(orders, 2, "h1")
			time.Sleep(5 * time.Second)
			if o := f.poller.Shown(orders); o != nil {
				t.Errorf("%+v is shown before the second proxy is known", o)
			}
			time.Sleep(5 * time.Second)
			if o := f.poller.Shown(orders); o == nil || len(o.Proxies) != 2 || !o.Proxies[0].Reached || o.Proxies[1].Reached {
				t.Errorf("%+v is shown, want one proxy that answers and one that is unreachable", o)
			}
		})
	})
}

// L2: a route is shown ten seconds after its first Pods came, though others come and go
// that never answer, each gone before three polls have told that it is unreachable. What
// is not known is not shown, and where nothing is known nothing is.
func TestL2PodsThatComeAndGoHideNoOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.run(t, func() {
			var jobs []Target
			for i := range 100 { // five minutes of a Pod every 3 s that lives for 6 s
				name := fmt.Sprintf("job-%d", i)
				jobs = append(jobs, Target{Name: name, URL: "http://" + name + "/status"})
				jobs = jobs[max(len(jobs)-2, 0):]
				f.change(func() { f.silent[jobs[len(jobs)-1].URL] = true })
				f.poller.Set(orders, append(slices.Clone(jobs), Target{Name: "steady", URL: "http://steady/status"}), want("h1"))
				f.poller.Set(types.NamespacedName{Namespace: "shop", Name: "jobs"}, slices.Clone(jobs), want("h1"))
				time.Sleep(3 * time.Second)
				o := f.poller.Shown(orders)
				if early := i < 3; early != (o == nil) {
					t.Errorf("after %d s %+v is shown", 3*i+3, o)
					break
				}
				if o != nil && (len(o.Proxies) != 1 || !o.Proxies[0].Reached) {
					t.Errorf("after %d s %+v is shown, want the one proxy that answers", 3*i+3, o)
				}
			}
			if o := f.poller.Shown(types.NamespacedName{Namespace: "shop", Name: "jobs"}); o != nil {
				t.Errorf("%+v is shown of a route of which nothing is known", o)
			}
		})
	})
}
