package quota

import (
	"log/slog"
	"time"
)

// tellAgain is the least time between two lines about a store: one that comes and goes has
// more changes than anybody reads.
const tellAgain = time.Second

// telling logs why a store does not answer, a line at each change.
type telling struct {
	log    *slog.Logger // nil for none
	fault  string       // that was told last
	logged time.Time
}

func (t *telling) tell(now time.Time, fault string) {
	if t.log == nil || fault == t.fault || !t.logged.IsZero() && now.Sub(t.logged) < tellAgain {
		return
	}
	t.fault, t.logged = fault, now
	if fault == "" {
		t.log.Info("store of rate limits answers")
		return
	}
	t.log.Warn("store of rate limits does not answer", slog.String("reason", fault))
}
