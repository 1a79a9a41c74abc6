package backend

import (
	"testing"
	"time"

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
