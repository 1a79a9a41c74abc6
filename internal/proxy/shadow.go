package proxy

import (
	"bytes"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// shadow is a backend whose answers are compared and counted, and nothing else.
type shadow struct {
	receiver

	config  *routeconfig.Shadow
	ignored *rawjson.Places
	results *comparisons
}

// comparisons counts the results of one shadow. They outlive a reload, as statistics.
type comparisons struct {
	same, outcome, body, incomparable atomic.Uint64
	begun                             time.Time
	// logged is the second after begun, from 1, in which a difference was last logged.
	logged atomic.Int64
}

// mayLog is true once a second.
func (c *comparisons) mayLog(now time.Time) bool {
	second := 1 + stats.Spans(c.begun, now, time.Second)
	return c.logged.Swap(second) != second
}

func (c *comparisons) count(result stats.Comparison) {
	switch result {
	case stats.Same:
		c.same.Add(1)
	case stats.DifferentOutcome:
		c.outcome.Add(1)
	case stats.DifferentBody:
		c.body.Add(1)
	case stats.Incomparable:
		c.incomparable.Add(1)
	}
}

func (c *comparisons) total() map[stats.Comparison]uint64 {
	return map[stats.Comparison]uint64{
		stats.Same: c.same.Load(), stats.DifferentOutcome: c.outcome.Load(), stats.DifferentBody: c.body.Load(), stats.Incomparable: c.incomparable.Load(),
	}
}

// Room implements fanout.ShadowObserver.
func (r *route) Room(call *fanout.Call) (*memory.Account, bool) {
	account := r.shadowMemory.Open(netip.Addr{}) // shadows of all clients are one
	if !account.Take(int64(len(call.Body))) {
		account.Close()
		return nil, false
	}
	return account, true
}

// Shadowed implements fanout.ShadowObserver.
func (r *route) Shadowed(i int, call *fanout.Call, a, reference *fanout.Answer, account *memory.Account) {
	s, now := r.shadows[i], time.Now()
	s.answers.Record(now, a)
	s.faults.note(now, r.log, r.id, s.name, a)
	if s.config.Compare == routeconfig.CompareNone || a.Outcome == fanout.Skipped || a.Outcome == fanout.Rejected {
		return
	}
	var result stats.Comparison
	var pointer string
	account.Do(len(a.Body)+len(reference.Body), func() { result, pointer = s.compare(a, reference, account) })
	s.results.count(result)
	call.Record.Shadow(i).Compared(string(result))
	if result != stats.Same && result != stats.Incomparable && s.results.mayLog(now) {
		r.log.Info("shadow differs", slog.String("route", r.id), slog.String("backend", s.name), slog.String("requestId", call.RequestID),
			slog.String("differs", string(result)), slog.String("at", pointer),
			slog.String("outcome", a.Outcome.String()), slog.Int("status", a.Status),
			slog.String("referenceOutcome", reference.Outcome.String()), slog.Int("referenceStatus", reference.Status))
	}
}

// maxPointer bounds what of a body's keys a log line may hold.
const maxPointer = 128

// compare says how an answer stands to that of the reference, and where their bodies
// part.
func (s *shadow) compare(a, reference *fanout.Answer, account *memory.Account) (result stats.Comparison, pointer string) {
	switch reference.Outcome {
	case fanout.Succeeded, fanout.Failed:
	default:
		return stats.Incomparable, ""
	}
	if a.Outcome != reference.Outcome || a.Status != reference.Status || a.Reason != reference.Reason {
		return stats.DifferentOutcome, ""
	}
	if s.config.Compare != routeconfig.CompareBody || bytes.Equal(a.Body, reference.Body) {
		return stats.Same, ""
	}
	var left, right rawjson.Scanner
	ours, ok := left.Scan(a.Body)
	theirs, both := right.Scan(reference.Body)
	if !ok || !both {
		return stats.DifferentBody, ""
	}
	switch pointer, found := rawjson.Difference(ours, theirs, s.ignored, account); found {
	case rawjson.Same:
		return stats.Same, ""
	case rawjson.Unknown:
		return stats.Incomparable, ""
	default:
		return stats.DifferentBody, pointer[:min(len(pointer), maxPointer)]
	}
}
