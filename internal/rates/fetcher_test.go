package rates

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL + "/status"
}

// shortEntries is a megabyte of a report, of entries that say nothing.
func shortEntries() string {
	var b strings.Builder
	b.WriteString(`{"document":"h1","routes":[{"namespace":"shop","name":"orders","missing":[{}`)
	for b.Len() < 1<<20-1000 {
		fmt.Fprintf(&b, `,{"key":"%d"}`, b.Len())
	}
	b.WriteString(`]}]}`)
	return b.String()
}

// L2: whatever a Pod answers, it takes two seconds and a megabyte at most.
func TestL2FetcherBoundsWhatItReads(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for name, handler := range map[string]http.HandlerFunc{
		"a megabyte of short entries": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(shortEntries())) },
		"no end": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1<<16)))
			}
		},
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"no body": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"a long head":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 2*maxHead)) },
		"another place": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusFound) },
		"an error":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no report":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, handler)
			bounds := stats.Bounds{{Namespace: "shop", Name: "orders", Backends: among([]string{"one"})}}
			if report, err := NewHTTPFetcher().Fetch(t.Context(), url, bounds); err == nil {
				t.Errorf("the report is %+v, want an error", report)
			}
			if elsewhere.Load() > 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

// A proxy that speaks another version is there, and its words are not believed.
func TestProxiesOfAnotherVersionAreTold(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	newer := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(`{"version":2,"document":"h2","routes":[{"namespace":"shop","name":"orders","missing":[{"secret":"partner"}]}]}`))
	})
	ours := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"version":1,"document":"h2","routes":[{"namespace":"shop","name":"orders"}]}`))
	})
	poller := New(NewHTTPFetcher(), 10*time.Second, func(types.NamespacedName) {})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- poller.Run(ctx) }()
	poller.Set(orders, []Target{{"a", newer}, {"b", ours}}, want("h3"))
	testkit.Eventually(t, "both are heard", func() bool { return poller.Shown(orders) != nil })
	o := poller.Shown(orders)
	if a := o.Proxies[0]; a != (Proxy{Name: "a", Reached: true, Unread: 2}) || a.Heard() {
		t.Errorf("the newer proxy is %+v", a)
	}
	if b := o.Proxies[1]; b != (Proxy{Name: "b", Reached: true, Document: "h2"}) || !b.Heard() {
		t.Errorf("the other proxy is %+v", b)
	}
	if len(o.Sum.Missing) > 0 {
		t.Errorf("what the newer one says is added up: %+v", o.Sum)
	}
	time.Sleep(3 * hurry)
	if n := asked.Load(); n != 1 {
		t.Errorf("the newer one was asked %d times in a hurry, want once: what it serves is not known by asking", n)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// L2: three Pods that answer a megabyte of short entries keep nobody from the poller's
// lock, whose holders the reconciles wait for, and a proxy beside them is heard.
func TestL2HostileReportsHoldNoLock(t *testing.T) {
	t.Parallel()
	hostile := shortEntries()
	var asked atomic.Int32
	bad := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(hostile))
	})
	good := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"document":"h1","routes":[{"namespace":"other","name":"r"}]}`))
	})
	poller := New(NewHTTPFetcher(), 50*time.Millisecond, func(types.NamespacedName) {})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- poller.Run(ctx) }()
	poller.Set(orders, []Target{{"a", bad}, {"b", bad}, {"c", bad}}, want("h1"))
	other := types.NamespacedName{Namespace: "other", Name: "r"}
	var longest time.Duration
	testkit.Eventually(t, "the hostile are asked three times each and the other is heard", func() bool {
		begun := time.Now()
		poller.Set(other, []Target{{"a", good}}, want("h1"))
		o := poller.Shown(other)
		longest = max(longest, time.Since(begun))
		return asked.Load() >= 9 && o != nil && o.Proxies[0].Document == "h1"
	})
	if longest > time.Second {
		t.Errorf("Set and Shown took %v, want no time: nothing is added up under their lock", longest)
	}
	testkit.Eventually(t, "the hostile are no proxies", func() bool {
		o := poller.Shown(orders)
		return o != nil && !o.Proxies[0].Reached && len(o.Sum.Missing) == 0
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
