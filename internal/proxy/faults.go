package proxy

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

const (
	// relogAfter is the least time between two lines about one backend of which the second
	// names another cause: of what changes with every call, not every change is told.
	relogAfter = 10 * time.Second
	// quietFor is for how long a backend has not failed when it is told that it answers again:
	// one of which every tenth call fails is told once.
	quietFor = 5 * time.Second
)

// faults logs why a backend gives no response, one line at each change. It outlives a
// reload, as statistics.
type faults struct {
	shown atomic.Pointer[string] // nil for none

	mu             sync.Mutex
	logged, newest time.Time
}

// note takes an answer. Those of a backend that is well cost one load.
func (f *faults) note(now time.Time, log *slog.Logger, route, backend string, a *fanout.Answer) {
	says := explanation(a)
	switch {
	case says != "":
		if f.fails(now, says) {
			log.Warn("backend fails", slog.String("route", route), slog.String("backend", backend),
				slog.String("reason", a.Reason.String()), slog.String("cause", a.Cause.String()), slog.String("detail", says))
		}
	case f.shown.Load() != nil && a.Responded() && f.answers(now):
		log.Info("backend answers", slog.String("route", route), slog.String("backend", backend))
	}
}

// explanation is why there was no response, or nothing.
func explanation(a *fanout.Answer) string {
	switch {
	case a.Outcome != fanout.Failed:
		return ""
	case a.Detail != "":
		return a.Detail
	}
	return a.Cause.Says()
}

// fails reports whether a failure is to be told.
func (f *faults) fails(now time.Time, says string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.newest = now
	if shown := f.shown.Load(); shown != nil && (*shown == says || now.Sub(f.logged) < relogAfter) {
		return false
	}
	f.shown.Store(&says)
	f.logged = now
	return true
}

// answers reports whether it is to be told that there was a response.
func (f *faults) answers(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shown.Load() == nil || now.Sub(f.newest) < quietFor {
		return false
	}
	f.shown.Store(nil)
	return true
}
