package rates

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/stats"
)

// After so long what some proxies say is shown, though others were not heard; but an operator that stood
// still has not asked them.
func TestTimeInWhichNobodyWasAskedIsNoPatience(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stood time.Duration // of the time since the proxies came
		shown bool
	}{"it ran": {0, true}, "it stood still": {time.Minute, false}} {
		p := New(newProxies("h1"), 5*time.Second, func(types.NamespacedName) {})
		p.Set(orders, []Target{{Name: "a", URL: "a"}, {Name: "b", URL: "b"}}, Want{Document: "h1"})
		begun, _, _ := p.look(time.Now())
		if len(begun) != 2 {
			t.Fatalf("%d polls have begun", len(begun))
		}
		p.routes[orders].since = time.Now().Add(-time.Minute)
		p.looks = time.Now().Add(-row.stood)
		p.take(begun[0], &stats.Report{Version: 1, Document: "h1", Ready: true})
		if shown := p.Shown(orders) != nil; shown != row.shown {
			t.Errorf("%s: that half of the proxies have answered is shown: %v", name, shown)
		}
	}
}
