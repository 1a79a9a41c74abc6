package fanout

// Result is a call as it stood when its response was decided.
type Result struct {
	Outcome CallOutcome
	// Answers stand in the order of the backends, whatever arrived first.
	Answers []Answer
	// Unwanted says that no backend takes the call.
	Unwanted bool
	// Deciding is the index of the answer that decided, under Any; else -1.
	Deciding int
}
