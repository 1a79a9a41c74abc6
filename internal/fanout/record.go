package fanout

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Record keeps what happens to one call, for whoever looks at it or traces it. It is safe for
// concurrent use, and bounded: of each backend MaxAttempts are kept. The nil Record keeps
// nothing and costs nothing.
//
// Who makes one sets it as Call.Record before Dispatcher.Reserve, and calls Responded after
// Flight.Run, however that ends. Where Reserve fails it is let go of.
type Record struct {
	options RecordOptions
	lanes   []Lane // those of backends, then those of shadows

	mu   sync.Mutex
	seen Recorded
	open int // parts that have not ended: the flight, the response, each shadow
}

// RecordOptions are those of a Record; Backends and Shadows are those of the dispatcher.
type RecordOptions struct {
	Backends, Shadows int
	// Arrived is when the request did.
	Arrived time.Time
	// Mark is called with each attempt before it is sent. The lane is the index of the backend,
	// or that of the shadow behind all backends. The fields are the attempt's own, without the
	// credential yet. It may be nil.
	Mark func(lane int, attempt AttemptID, fields http.Header)
	// Done is called once, from any goroutine, when the response is written and the last
	// straggler and shadow has ended: nothing more is recorded then. It may be nil.
	Done func(*Record)
}

// NewRecord returns a Record of nothing yet.
func NewRecord(o RecordOptions) *Record {
	r := &Record{options: o, open: 2, lanes: make([]Lane, o.Backends+o.Shadows)}
	lanes := make([]RecordedLane, len(r.lanes))
	r.seen = Recorded{
		Arrived: o.Arrived, Decided: Decision{By: -1},
		Backends: lanes[:o.Backends:o.Backends], Shadows: lanes[o.Backends:],
	}
	for i := range lanes {
		r.lanes[i] = Lane{record: r, index: i, seen: &lanes[i]}
	}
	return r
}

// Recorded returns a copy of what is known by now.
func (r *Record) Recorded() Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.clone()
}

// Backend is the lane of a backend, nil in the nil Record.
func (r *Record) Backend(i int) *Lane {
	if r == nil {
		return nil
	}
	return &r.lanes[i]
}

// Shadow is the lane of a shadow, nil in the nil Record.
func (r *Record) Shadow(i int) *Lane {
	if r == nil {
		return nil
	}
	return &r.lanes[r.options.Backends+i]
}

// Responded says that the response is written, and what was made of the call in the end.
func (r *Record) Responded(outcome CallOutcome, status int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.seen.Responded, r.seen.Outcome, r.seen.Status = time.Now(), outcome, status
	r.mu.Unlock()
	r.end()
}

// dispatch notes when the backends began to be asked.
func (r *Record) dispatch(at time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Dispatched = at
}

// decide notes the decision; the first one stands.
func (r *Record) decide(decider Decider, by int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen.Decided.At.IsZero() {
		r.seen.Decided = Decision{At: time.Now(), Decider: decider, By: by}
	}
}

// begin notes one part more that has to end.
func (r *Record) begin() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
}

// end notes that a part has ended.
func (r *Record) end() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.open--
	over := r.open == 0
	if over {
		r.seen.Ended = time.Now()
	}
	r.mu.Unlock()
	if over && r.options.Done != nil {
		r.options.Done(r)
	}
}

// Lane is what a Record keeps of one backend, or of one shadow. The nil Lane keeps nothing.
type Lane struct {
	record *Record
	index  int
	seen   *RecordedLane
}

// Recorder is a Reservation that tells more of what it does than can be seen from outside.
type Recorder interface {
	// Record is called before Do, if at all.
	Record(lane *Lane)
}

// note changes the lane.
func (l *Lane) note(change func(now time.Time, seen *RecordedLane)) {
	now := time.Now()
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	change(now, l.seen)
}

// reserved notes that the backend gave the right to send.
func (l *Lane) reserved(r Reservation) {
	if l == nil {
		return
	}
	if r, ok := r.(Recorder); ok {
		r.Record(l)
	}
	l.note(func(now time.Time, seen *RecordedLane) { seen.Reserved = now })
}

// asked notes that it is asked now.
func (l *Lane) asked() {
	if l == nil {
		return
	}
	l.note(func(now time.Time, seen *RecordedLane) { seen.Asked = now })
}

// answered notes what is final. What ends later leaves no other answer.
func (l *Lane) answered(a *Answer) {
	if l == nil {
		return
	}
	l.note(func(now time.Time, seen *RecordedLane) {
		if seen.Queued.To.IsZero() && !seen.Queued.From.IsZero() {
			seen.Queued.To = now // its time was up there
		}
		seen.Ended, seen.Outcome, seen.Reason, seen.Status = now, a.Outcome, a.Reason, a.Status
	})
}

// Compared notes how a shadow's answer stands to that of its reference, in the word of the
// ShadowObserver.
func (l *Lane) Compared(result string) {
	if l == nil {
		return
	}
	l.note(func(_ time.Time, seen *RecordedLane) { seen.Compared = result })
}

// Queue notes that the call has to wait for its turn, Dequeue that it is its turn.
func (l *Lane) Queue() {
	if l == nil {
		return
	}
	l.note(func(now time.Time, seen *RecordedLane) { seen.Queued.From = now })
}

// Dequeue is the end of Queue; without it nothing was waited for.
func (l *Lane) Dequeue() {
	if l == nil {
		return
	}
	l.note(func(now time.Time, seen *RecordedLane) {
		if !seen.Queued.From.IsZero() {
			seen.Queued.To = now
		}
	})
}

// Begin notes an attempt, and has it marked. hedges says that it is one beside another, which
// is late. n names it to the other methods; it is 0, which they overlook, beyond MaxAttempts.
func (l *Lane) Begin(hedges bool, fields http.Header) (n int) {
	if l == nil {
		return 0
	}
	a := RecordedAttempt{ID: newAttemptID(), Kind: First}
	l.note(func(now time.Time, seen *RecordedLane) {
		switch {
		case hedges:
			a.Kind = Hedge
		case len(seen.Attempts) > 0:
			a.Kind = Retry
		}
		if len(seen.Attempts) == MaxAttempts {
			seen.Omitted++
			return
		}
		a.Begun = now
		seen.Attempts = append(seen.Attempts, a)
		n = len(seen.Attempts)
	})
	if mark := l.record.options.Mark; mark != nil {
		mark(l.index, a.ID, fields)
	}
	return n
}

// attempt changes one.
func (l *Lane) attempt(n int, change func(now time.Time, a *RecordedAttempt)) {
	if l == nil || n == 0 {
		return
	}
	l.note(func(now time.Time, seen *RecordedLane) { change(now, &seen.Attempts[n-1]) })
}

// Connected notes that an attempt has a connection; reused is one that was there.
func (l *Lane) Connected(n int, reused bool) {
	l.attempt(n, func(now time.Time, a *RecordedAttempt) { a.Connected, a.Reused = now, reused })
}

// Head notes that the head of its response has come.
func (l *Lane) Head(n, status int) {
	l.attempt(n, func(now time.Time, a *RecordedAttempt) { a.Head, a.Status = now, status })
}

// End notes what became of it, and why it failed; one that was cut did not.
func (l *Lane) End(n int, fate Fate, reason Reason) {
	if fate != FateFailed {
		reason = NoReason
	}
	l.attempt(n, func(now time.Time, a *RecordedAttempt) { a.Ended, a.Fate, a.Reason = now, fate, reason })
}

// Lose notes that it came a moment too late: another attempt had the answer by then.
func (l *Lane) Lose(n int) {
	l.attempt(n, func(now time.Time, a *RecordedAttempt) {
		if a.Fate = FateLost; a.Ended.IsZero() {
			a.Ended = now
		}
	})
}

// newAttemptID returns one that is never zero (W3C Trace Context, section 3.2.2.4).
func newAttemptID() (id AttemptID) {
	binary.BigEndian.PutUint64(id[:], max(rand.Uint64(), 1))
	return id
}
