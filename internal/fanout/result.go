package fanout

import "github.com/fanout-operator/fanout/internal/memory"

// Result is a call as it stood when it was decided.
type Result struct {
	Outcome CallOutcome
	// Answers stand in the order of the backends, whatever arrived first. What stragglers
	// bring later is not seen here.
	Answers []Answer
	// Unwanted says that no backend takes the call.
	Unwanted bool
	// Stopped says that the call was cut before it was decided, and not by its client.
	Stopped bool
	// Deciding is the index of the answer that decided, under Any; else -1.
	Deciding int
	// Memory is that of the call.
	Memory *memory.Account

	legs []leg
}

// result hands the answers over: the flight does not touch them any more.
func (f *Flight) result() *Result {
	r := &f.told
	*r = Result{
		Outcome: Complete, Answers: f.answers, Deciding: f.deciding, Unwanted: f.unwanted == len(f.answers),
		Memory: f.call.Memory, legs: f.legs,
	}
	switch {
	case f.last == left:
		r.Outcome = ClientClosed // whatever was decided, under Wait
	case f.verdict != met:
		r.Outcome, r.Stopped = Unmet, f.last == stopped && f.verdict == undecided
	default:
		for i := range r.Answers {
			if o := r.Answers[i].Outcome; o == Failed || o == Rejected {
				r.Outcome = Partial
			}
		}
	}
	return r
}

// Affected reports whether a part of the call has had an effect, or may yet have one, by a
// method that is not safe: who sends the call again has that done twice.
func (r *Result) Affected() bool {
	for i := range r.legs {
		asked := r.legs[i].reservation
		if asked != nil && !asked.Safe() && r.Answers[i].effective() {
			return true
		}
	}
	return false
}

// Pass says which answer's stream is passed on, -1 for none: those of the others end. Who
// passes one on closes it.
func (r *Result) Pass(i int) {
	for j := range r.Answers {
		if a := &r.Answers[j]; j != i && a.Stream != nil {
			go a.Stream.Close()
			a.Stream = nil
		}
	}
}
