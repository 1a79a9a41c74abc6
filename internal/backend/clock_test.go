package backend

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// K7: what was spent of a budget stays spent for ten seconds, and no longer, whatever
// the wall clock does.
func TestK7BudgetOutlivesAWallClockThatIsSet(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	for name, row := range map[string]struct {
		now  time.Time
		want bool
	}{
		"forth, a second later":  {testkit.Ahead(begun.Add(time.Second), time.Hour), false},
		"back, a second later":   {testkit.Ahead(begun.Add(time.Second), -time.Hour), false},
		"back, 12 seconds later": {testkit.Ahead(begun.Add(12*time.Second), -time.Hour), true},
	} {
		b := &budget{}
		for range budgetFloor {
			if !b.spend(begun) {
				t.Fatal("the budget is empty from the start")
			}
		}
		if got := b.spend(row.now); got != row.want {
			t.Errorf("%s: spent %v, want %v", name, got, row.want)
		}
	}
}

// K7: a name is looked up again after the same time.
func TestK7LookupsOutliveAWallClockThatIsSet(t *testing.T) {
	t.Parallel()
	c := newConnections(&url.URL{Host: "127.0.0.1"}, dial.New(dial.Options{LookupEvery: time.Minute}), func() keeper { return &http.Transport{} })
	defer c.close()
	c.cancel() // nothing is really looked up
	c.host = "name.invalid"
	begun := time.Now()
	c.refresh(begun)
	first := c.looked.Load()
	c.refresh(testkit.Ahead(begun.Add(time.Second), time.Hour))
	if c.looked.Load() != first {
		t.Error("a second later the name was looked up again")
	}
	c.refresh(testkit.Ahead(begun.Add(2*time.Minute), -time.Hour))
	if c.looked.Load() == first {
		t.Error("two minutes later the name was not looked up again")
	}
}
