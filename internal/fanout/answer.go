package fanout

import (
	"net/http"
	"time"
)

// Answer is what one backend finally yields for a call: a response, or the
// reason for none.
type Answer struct {
	Outcome Outcome
	Reason  Reason
	// Cause says more of a failure without a response, or of one that broke off.
	Cause Cause
	// Refused says that the backend has failed with 401 or 403 though it was shown the
	// route's own credential.
	Refused bool
	// Status is the HTTP status of the response, 0 without one. A failed answer
	// may have one, with header and body.
	Status int
	Header http.Header
	Body   []byte
	// Stream is the body of an answer that counts at its head; nil where Body is whole.
	Stream Stream
	// Checked is what the response type's checker understood of the body.
	Checked any
	// Elapsed runs from the dispatch of the call to this answer.
	Elapsed time.Duration
	// Attempts counts the HTTP exchanges begun, the first included.
	Attempts int
	// RetryAfter is how long the limit that rejected the call stays closed.
	RetryAfter time.Duration
	// Detail says of this failure what Reason and Cause do not: why there was no credential,
	// which host was not found, when a certificate expired. These are our own words, nothing
	// secret and nothing that a peer wrote. It is for logs and statuses.
	Detail string
}

// Faulty reports whether an answer speaks against the backend, and not against the
// call: timeout, connect, tls, reset, credential, 5xx and 429 do. Breakers and the
// state of a backend count these alone: a caller's bad input must not open one.
func (a *Answer) Faulty() bool {
	switch a.Reason {
	case Timeout, Connect, TLS, Reset, Credential:
		return true
	case Status:
		return a.Status >= 500 || a.Status == 429
	default:
		return false
	}
}

// Responded reports whether the backend's own HTTP response is in the answer.
func (a *Answer) Responded() bool { return a.Status != 0 }

// effective reports whether the backend has done, or may yet do, what it was asked for: it
// said so, its response was lost after it had said so, or nobody waits for what it says. An
// answer that says no, or nothing, is a failure like that of any backend that is asked alone.
func (a *Answer) effective() bool {
	switch a.Outcome {
	case Succeeded, Pending:
		return true
	case Canceled, Rejected:
		return a.Attempts > 0
	case Failed:
		return a.Reason != Status && a.Status/100 == 2
	case Skipped:
	}
	return false
}
