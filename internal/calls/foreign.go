package calls

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Bounds of a Report that comes from a Pod: whoever may create Pods writes what it says.
const (
	// MaxReport bounds it in bytes: a full one has some 700 KiB.
	MaxReport = 2 << 20
	maxLanes  = 64
	maxName   = 253
	maxRule   = 1100 // a path of 1024 with its type
	// maxMS is a day: no call takes longer.
	maxMS = 24 * 3600 * 1000
	// maxCount bounds what a limit may have, and a number of calls.
	maxCount = 1 << 40
)

// ErrUnbounded is the error of a report that says more than a proxy can.
var ErrUnbounded = errors.New("the report of calls says more than a proxy can")

// VersionError is the error of a report in a version that cannot be read here.
type VersionError struct{ Version int }

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the report of calls has version %d, only %d can be read here", e.Version, ReportVersion)
}

// Read reads what a foreign proxy says of one route: every word is one of ours, every number in
// bounds, and every name well-formed.
func Read(in io.Reader, namespace, name string) (*Report, error) {
	raw, err := io.ReadAll(io.LimitReader(in, MaxReport+1))
	if err != nil {
		return nil, fmt.Errorf("read report of calls: %w", err)
	}
	if len(raw) > MaxReport {
		return nil, ErrUnbounded
	}
	head := struct {
		Version int `json:"version"`
	}{}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("decode report of calls: %w", err)
	}
	if head.Version != ReportVersion {
		return nil, &VersionError{head.Version}
	}
	r := &Report{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("decode report of calls: %w", err)
	}
	if len(r.Calls) > MaxCalls+maxOpen || len(r.Backends) > maxLanes {
		return nil, ErrUnbounded
	}
	r.Namespace, r.Name, r.Process, r.Missed = namespace, name, label(r.Process), min(r.Missed, maxCount)
	for i := range r.Calls {
		if err := r.Calls[i].bound(); err != nil {
			return nil, err
		}
	}
	for i := range r.Backends {
		r.Backends[i].bound()
	}
	return r, nil
}

func (c *Call) bound() error {
	if len(c.Lanes) > maxLanes {
		return ErrUnbounded
	}
	c.AgeMS = clamp(c.AgeMS)
	c.Method, c.Rule = method(c.Method), rule(c.Rule)
	for _, t := range []*MS{&c.Dispatched, &c.Decided.At, &c.Responded, &c.Ended} {
		t.bound()
	}
	c.Decided.Decider, c.Decided.Backend = word(c.Decided.Decider, deciders()), label(c.Decided.Backend)
	c.Outcome, c.Status = word(c.Outcome, callOutcomes()), status(c.Status)
	if c.Lanes == nil {
		c.Lanes = []Lane{} // as a proxy writes it: JSON has null for none at all
	}
	for i := range c.Lanes {
		if err := c.Lanes[i].bound(); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lane) bound() error {
	if len(l.Attempts) > fanout.MaxAttempts {
		return ErrUnbounded
	}
	for _, t := range []*MS{&l.Reserved, &l.Asked, &l.Ended} {
		t.bound()
	}
	if l.Queued != nil {
		l.Queued.From.bound()
		l.Queued.To.bound()
	}
	l.Backend, l.Omitted, l.Status = label(l.Backend), min(max(l.Omitted, 0), 1<<20), status(l.Status)
	l.Outcome, l.Reason, l.Compared = word(l.Outcome, outcomes()), word(l.Reason, reasons()), word(l.Compared, comparisons())
	for i := range l.Attempts {
		a := &l.Attempts[i]
		for _, t := range []*MS{&a.Begun, &a.Connected, &a.Head, &a.Ended} {
			t.bound()
		}
		a.Kind, a.Reason, a.Fate, a.Status = word(a.Kind, kinds()), word(a.Reason, reasons()), word(a.Fate, fates()), status(a.Status)
	}
	return nil
}

func (b *Backend) bound() {
	b.Name, b.Circuit = label(b.Name), word(b.Circuit, circuits())
	for _, n := range []*int64{&b.Busy, &b.Slots, &b.Queued, &b.Places} {
		*n = min(max(*n, 0), maxCount)
	}
	b.Tokens, b.Burst = min(max(b.Tokens, -maxCount), maxCount), min(max(b.Burst, 0), 1<<30)
}

func (t *MS) bound() { *t = MS(clamp(float64(*t))) }

func clamp(ms float64) float64 {
	if math.IsNaN(ms) {
		return 0
	}
	return min(max(ms, 0), maxMS)
}

func status(n int) int {
	if n < 0 || n > 999 {
		return 0
	}
	return n
}

// label is a name as Kubernetes has them, or nothing.
func label(name string) string {
	if len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) {
		return ""
	}
	return name
}

// rule is a text on one line, without what controls a terminal or the direction of writing.
func rule(text string) string {
	text = strings.Map(func(r rune) rune {
		if stats.Controls(r) {
			return -1
		}
		return r
	}, text[:min(len(text), maxRule)])
	return strings.ToValidUTF8(text, "")
}

// word is one of those that are known, or other: a newer proxy may mean something.
func word(of string, known []string) string {
	if of == "" || slices.Contains(known, of) {
		return of
	}
	return string(stats.Other)
}

func texts[T fmt.Stringer](list ...T) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.String()
	}
	return out
}

func deciders() []string {
	return texts(fanout.ByAnswer, fanout.ByRefusals, fanout.ByTimeout, fanout.ByClient, fanout.ByStop)
}
func kinds() []string { return texts(fanout.First, fanout.Retry, fanout.Hedge) }
func fates() []string {
	return texts(fanout.FateWon, fanout.FateLost, fanout.FateFailed, fanout.FateCanceled)
}

func callOutcomes() []string {
	return texts(fanout.Complete, fanout.Partial, fanout.Unmet, fanout.ClientClosed)
}

func outcomes() []string {
	return texts(fanout.Pending, fanout.Succeeded, fanout.Failed, fanout.Rejected, fanout.Canceled, fanout.Skipped)
}

func reasons() (list []string) {
	for r := fanout.NoReason + 1; r < fanout.Reason(fanout.Reasons); r++ {
		list = append(list, r.String())
	}
	return list
}

func circuits() (list []string) {
	for _, c := range stats.Circuits()[1:] {
		list = append(list, string(c))
	}
	return list
}

func comparisons() []string {
	return []string{string(stats.Same), string(stats.DifferentOutcome), string(stats.DifferentBody), string(stats.Incomparable)}
}
