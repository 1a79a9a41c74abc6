package fanout

// Outcome is the class of an answer.
type Outcome uint8

// The outcomes of an answer. Pending is for display only: the backend still
// works when the response is written, and its final outcome goes to statistics.
const (
	Pending Outcome = iota
	Succeeded
	Failed
	Rejected // by a limit of our own; nothing was sent
	Canceled // by us, because the call was decided or the client left
	Skipped  // not asked
)

// Outcomes is the number of outcomes, for arrays indexed by one.
const Outcomes = int(Skipped) + 1

// String returns the word used in headers, bodies, logs and metrics.
func (o Outcome) String() string {
	return [Outcomes]string{"pending", "succeeded", "failed", "rejected", "canceled", "skipped"}[o]
}

// Reason says why an answer failed or was rejected.
type Reason uint8

// The reasons of Failed, then those of Rejected. NoReason goes with every other
// outcome.
const (
	NoReason   Reason = iota
	Status            // the response's status is no success
	Timeout           // no complete response in time
	Connect           // no connection, or no address
	TLS               // the handshake or the certificate
	Reset             // the connection broke
	TooLarge          // the response exceeds maxResponseSize
	Credential        // missing, unreadable, forbidden here, or no token was issued for it
	ForbiddenAddress
	Uncombinable // the body does not fit the response type
	Expression
	RateLimited
	CircuitOpen
	Overloaded
)

// Reasons is the number of reasons, for arrays indexed by one.
const Reasons = int(Overloaded) + 1

// String returns the word used in headers, bodies, logs and metrics; it is empty
// for NoReason.
func (r Reason) String() string {
	return [Reasons]string{
		"", "status", "timeout", "connect", "tls", "reset", "tooLarge", "credential",
		"forbiddenAddress", "uncombinable", "expression", "rateLimited", "circuitOpen", "overloaded",
	}[r]
}

// CallOutcome is what became of a whole call.
type CallOutcome uint8

// The outcomes of a call. ClientClosed calls were never decided: they count
// neither as success nor as failure.
const (
	Complete CallOutcome = iota // policy met, nothing failed
	Partial                     // policy met, something failed or was rejected
	Unmet                       // policy not met: "failed"
	ClientClosed
)

// CallOutcomes is the number of call outcomes, for arrays indexed by one.
const CallOutcomes = int(ClientClosed) + 1

// String returns the word used in Fanout-Outcome, logs and metrics.
func (o CallOutcome) String() string {
	return [CallOutcomes]string{"complete", "partial", "failed", "clientClosed"}[o]
}
