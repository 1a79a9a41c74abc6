// Package stats keeps what became of calls and answers: sliding windows of
// counters and mergeable histograms, and the one definition of a success rate.
// Recording takes no lock, but for the first event in five seconds; all of it is safe
// for concurrent use.
package stats

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// The counters of a slot. A backend uses one for each outcome without reason and
// one for each reason; a route uses the first ones for its calls.
const (
	countSucceeded = iota
	countCanceled
	countSkipped
	countFaulty
	countLate
	countAttempts
	countReasons // the first of fanout.Reasons
	counters     = countReasons + fanout.Reasons
)

// Backend counts the answers of one backend.
type Backend struct {
	series  *series
	median  atomic.Int64 // of the last five minutes
	renewed atomic.Int64 // number of the span of renewal in which it was, from 1
	failure atomic.Pointer[Failure]
	causes  [fanout.Causes]atomic.Uint64 // since the start
}

// NewBackend returns an empty Backend.
func NewBackend(now time.Time) *Backend { return &Backend{series: newSeries(now)} }

// Record counts an answer. Each answer is recorded once, when it is final.
func (b *Backend) Record(now time.Time, a *fanout.Answer) {
	s := b.series.at(now)
	if a.Attempts > 0 {
		s.count(countAttempts, uint32(a.Attempts)) //nolint:gosec // some dozens at most
	}
	switch a.Outcome {
	case fanout.Succeeded:
		s.count(countSucceeded, 1)
		s.observe(a.Elapsed)
	case fanout.Failed:
		b.failed(now, s, a)
	case fanout.Rejected:
		s.count(countReasons+int(a.Reason), 1)
	case fanout.Canceled:
		b.canceled(now, s, a)
	case fanout.Skipped:
		s.count(countSkipped, 1)
	case fanout.Pending: // not final
	}
}

func (b *Backend) failed(now time.Time, s *open, a *fanout.Answer) {
	s.count(countReasons+int(a.Reason), 1)
	s.observe(a.Elapsed)
	if a.Faulty() || a.Refused {
		s.count(countFaulty, 1)
	}
	b.causes[a.Cause].Add(1)
	b.failure.Store(&Failure{
		Reason: ReasonOf(a.Reason), Cause: causeOf(a.Cause), Status: a.Status, Refused: a.Refused,
		Message: cmp.Or(a.Detail, a.Cause.Says()), Time: now,
	})
}

func (b *Backend) canceled(now time.Time, s *open, a *fanout.Answer) {
	s.count(countCanceled, 1)
	if a.Elapsed > b.ownMedian(now) {
		s.count(countLate, 1)
	}
}

// renewal is how often a median is computed anew, at most.
const renewal = 5 * time.Second

// ownMedian is the backend's median duration; 0 while there is none.
func (b *Backend) ownMedian(now time.Time) time.Duration {
	number := 1 + Spans(b.series.started, now, renewal)
	if b.renewed.Swap(number) != number {
		total, _ := b.series.sum(now, fiveMinutes)
		h := total.histogram()
		b.median.Store(int64(h.Quantile(0.5)))
	}
	return time.Duration(b.median.Load())
}

// Report returns the backend's part of a Report, with the windows of these names, or with all where
// there are none.
func (b *Backend) Report(now time.Time, name string, of ...string) BackendReport {
	report := BackendReport{Name: name, Standing: b.series.standings(now)}
	if f := b.failure.Load(); f != nil {
		last := *f
		last.AgeSeconds = max(now.Sub(f.Time), 0).Seconds()
		report.LastFailure = &last
	}
	for i, w := range windows() {
		if !w.among(of) {
			continue
		}
		total, seconds := b.series.sum(now, i)
		report.Windows.Set(w.name, AnswersWindow{
			Seconds: seconds, Answers: total.answers(), Duration: total.histogram(),
		})
	}
	return report
}

// Causes calls yield for each cause that is known with how many answers have failed for it since
// the start, with 0 for those that did not happen.
func (b *Backend) Causes(yield func(Cause, uint64) bool) {
	for c := fanout.NoCause + 1; c < fanout.Cause(fanout.Causes); c++ {
		if !yield(causeOf(c), b.causes[c].Load()) {
			return
		}
	}
}

// Total returns the answers and their durations since the start.
func (b *Backend) Total() (Answers, Histogram) {
	total := b.series.total()
	return total.answers(), total.histogram()
}

func (t *sums) answers() Answers {
	a := Answers{
		Succeeded: t.counts[countSucceeded],
		Canceled:  t.counts[countCanceled],
		Skipped:   t.counts[countSkipped],
		Faulty:    t.counts[countFaulty],
		Late:      t.counts[countLate],
		Attempts:  t.counts[countAttempts],
	}
	for r := range fanout.Reason(fanout.Reasons) {
		n := t.counts[countReasons+int(r)]
		if n == 0 {
			continue
		}
		counts := &a.Failed
		if rejects(countReasons + int(r)) {
			counts = &a.Rejected
		}
		*counts = addWords(*counts, map[Reason]uint64{ReasonOf(r): n})
	}
	return a
}

// rejects reports whether a counter of reasons is of answers that were rejected.
func rejects(counter int) bool { return counter >= countReasons+int(fanout.RateLimited) }
