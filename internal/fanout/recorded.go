package fanout

import (
	"slices"
	"time"
)

// MaxAttempts is how many attempts of one backend a Record keeps.
const MaxAttempts = 16

// Recorded is what a Record holds of a call: plain data. A time is zero where nothing has
// happened, or not yet.
type Recorded struct {
	// Arrived is when the request did, Dispatched when backends began to be asked.
	Arrived, Dispatched time.Time
	Decided             Decision
	// Responded is when the last of the response was written; Outcome and Status are known
	// then. Status is what the client was told, 499 where it had left.
	Responded time.Time
	Outcome   CallOutcome
	Status    int
	// Ended is when the last straggler and shadow had ended, and the response was written.
	Ended time.Time
	// Backends and Shadows stand by their index in the plan.
	Backends, Shadows []RecordedLane
}

func (r *Recorded) clone() Recorded {
	c := *r
	c.Backends, c.Shadows = cloneLanes(r.Backends), cloneLanes(r.Shadows)
	return c
}

func cloneLanes(from []RecordedLane) []RecordedLane {
	to := slices.Clone(from)
	for i := range to {
		to[i].Attempts = slices.Clone(to[i].Attempts)
	}
	return to
}

// Decision is when a call was decided, and by what.
type Decision struct {
	At      time.Time
	Decider Decider
	// By is the index of the backend whose answer decided it, -1 where none did.
	By int
}

// Decider is what decided a call.
type Decider uint8

// What decides a call. Undecided is one that was not decided yet.
const (
	Undecided  Decider = iota
	ByAnswer           // an answer made the policy met, or made that impossible
	ByRefusals         // so many backends refused that nothing was sent
	ByTimeout          // the time of the call was up
	ByClient           // the client left
	ByStop             // the proxy stops
)

// String returns the word for it, empty for Undecided.
func (d Decider) String() string {
	return [...]string{"", "answer", "refusals", "timeout", "clientClosed", "stop"}[d]
}

// RecordedLane is one backend, or one shadow. It took no part where nothing of it is set.
type RecordedLane struct {
	// Reserved is when it gave the right to send; zero where it refused, which its outcome
	// then says. Asked is when it began to be asked.
	Reserved, Asked time.Time
	// Queued is how long the call waited for its turn, by a slot or by the rate.
	Queued   Span
	Attempts []RecordedAttempt
	// Omitted is how many more attempts there were than are kept.
	Omitted int
	// Ended is when its outcome was final; it is Pending before. Of an answer that is
	// streamed this is the end of the stream. An attempt that is cut ends a little later.
	Ended   time.Time
	Outcome Outcome
	Reason  Reason
	Status  int
	// Compared is how a shadow's answer stands to that of its reference, by the word of who
	// compares; empty where nobody does.
	Compared string
}

// Span is from when to when something lasted.
type Span struct{ From, To time.Time }

// AttemptID names an attempt to whoever is told of it. It is random, and never zero.
type AttemptID [8]byte

// RecordedAttempt is one HTTP exchange.
type RecordedAttempt struct {
	ID   AttemptID
	Kind Kind
	// Begun is when it was, Connected when it had a connection, and Head when the head of
	// the response had come. What comes before Connected may include getting a token.
	Begun, Connected, Head, Ended time.Time
	// Reused says that the connection was there before.
	Reused bool
	// Status is that of the response, 0 without one. Reason says why it is no success.
	Status int
	Reason Reason
	Fate   Fate
}

// Kind is why an attempt was made.
type Kind uint8

// Why attempts are made.
const (
	First Kind = iota
	Retry      // after one that had failed
	Hedge      // beside one that was late
)

// String returns the word for it.
func (k Kind) String() string { return [...]string{"first", "retry", "hedge"}[k] }

// Fate is what became of an attempt.
type Fate uint8

// What becomes of attempts.
const (
	FateOpen     Fate = iota // it is under way
	FateWon                  // its response is the backend's answer
	FateLost                 // another attempt was faster
	FateFailed               // whether it was repeated, the next attempt says
	FateCanceled             // nobody waited for it any more
)

// String returns the word for it, empty for one that is under way.
func (f Fate) String() string { return [...]string{"", "won", "lost", "failed", "canceled"}[f] }
