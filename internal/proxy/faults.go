package proxy

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// relogAfter is the least time between two lines about one backend's credential: of what
// changes with every call, not every change is told.
const relogAfter = time.Second

// faults logs why a backend has no credential, one line at each change. It outlives a
// reload, as statistics.
type faults struct {
	shown atomic.Pointer[string] // nil for none

	mu     sync.Mutex
	logged time.Time
}

// note takes an answer. Those of a backend that is well cost one load.
func (f *faults) note(now time.Time, log *slog.Logger, route, backend string, a *fanout.Answer) {
	shown := f.shown.Load()
	switch {
	case a.Detail != "":
		if shown != nil && *shown == a.Detail || !f.change(now, shown, &a.Detail) {
			return
		}
		log.Warn("no credential", slog.String("route", route), slog.String("backend", backend),
			slog.String("reason", a.Reason.String()), slog.String("detail", a.Detail))
	case shown != nil && a.Responded() && f.change(now, shown, nil):
		log.Info("credential found", slog.String("route", route), slog.String("backend", backend))
	}
}

// change reports whether the change is the caller's to log.
func (f *faults) change(now time.Time, from, to *string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shown.Load() != from || !f.logged.IsZero() && now.Sub(f.logged) < relogAfter {
		return false
	}
	if to != nil {
		text := *to // the answer lives no longer than its call
		to = &text
	}
	f.shown.Store(to)
	f.logged = now
	return true
}
