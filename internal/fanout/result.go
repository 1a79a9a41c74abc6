package fanout

import (
	"context"

	"github.com/fanout-operator/fanout/internal/memory"
)

// Result is a call as it stood when its response was decided.
type Result struct {
	Outcome CallOutcome
	// Answers stand in the order of the backends, whatever arrived first.
	Answers []Answer
	// Unwanted says that no backend takes the call.
	Unwanted bool
	// Stopped says that the call was cut before it was decided, and not by its client.
	Stopped bool
	// Deciding is the index of the answer that decided, under Any; else -1.
	Deciding int
	// Memory is that of the call.
	Memory *memory.Account

	flight *flight
}

// Affected reports whether a part of the call has had an effect, or may yet have one, by a
// method that is not safe: who sends the call again has that done twice.
func (r *Result) Affected() bool {
	if r.flight == nil {
		return false
	}
	for i, asked := range r.flight.asked {
		if asked != nil && !asked.Safe(r.flight.call) && r.Answers[i].effective() {
			return true
		}
	}
	return false
}

// end notes that a call ended before it was over. A decision that was made, while the
// response still waited for stragglers, is shown to a client that is there.
func (r *Result) end(client context.Context, v verdict) {
	if !Stopped(client) {
		r.Outcome = ClientClosed
		return
	}
	r.Stopped = v == undecided
}

// Keep says which answer's stream is passed on, -1 for none. The others are closed
// meanwhile. Whoever dispatched a call whose answers may be streams calls it once, and
// closes the one that is kept.
func (r *Result) Keep(i int) {
	for j := range r.Answers {
		if j != i {
			r.flight.discard(&r.Answers[j])
		}
	}
	if r.flight.kept != nil {
		close(r.flight.kept)
	}
}
