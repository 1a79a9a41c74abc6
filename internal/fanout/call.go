package fanout

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/fanout-operator/fanout/internal/memory"
)

// Call is one client request being fanned out. It is read-only once dispatched:
// every backend and every attempt shares it, body included.
type Call struct {
	Method string
	// Path and Query are the request-target's raw bytes, before and after the
	// first '?'. HasQuery tells "/a?" from "/a".
	Path     string
	Query    string
	HasQuery bool
	// Prefix is how many bytes of Path the route's match covers.
	Prefix int
	// Host is the authority that the client asked for.
	Host string
	// Header holds the client's fields as received.
	Header http.Header
	// Body is complete; it is empty where the client sent none.
	Body []byte
	// Caller is the authenticated caller's name, or empty.
	Caller string
	// Client is the client's address; it is not valid where nobody knows.
	Client netip.Addr
	// XForwardedFor and Forwarded are the values of these fields for backends that are told
	// who calls; empty where none of the route is.
	XForwardedFor, Forwarded string
	// Memory is what bodies of the call are taken from. The dispatcher joins it, and closes
	// it when the last backend has ended.
	Memory *memory.Account
	// Input is what the backends' expressions read of the call, where there are any.
	// Reserving is bounded in time then.
	Input any
	// Reserved, where it is set, is called when the last backend has reserved: nobody
	// reads Input any more.
	Reserved func()
	// RequestID is sent to every backend and returned to the client.
	RequestID string
}

// Safe reports whether the call's method is safe (RFC 9110, section 9.2.1).
func (c *Call) Safe() bool { return SafeMethod(c.Method) }

// SafeMethod reports whether a method is safe (RFC 9110, section 9.2.1).
func SafeMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// Answer is what one backend finally yields for a call: a response, or the
// reason for none.
type Answer struct {
	Outcome Outcome
	Reason  Reason
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
	// Detail says why there was no credential: our own words, nothing secret and nothing that
	// a peer wrote. It is for logs and statuses, and empty for everything else.
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

// Backend is one receiver of calls. It is used by many calls at once.
type Backend interface {
	// Reserve takes, before a byte is sent, what the backend limits. Where it
	// refuses, the reservation is nil and the answer says why: it is Skipped where the
	// call is not for the backend, and Failed or Canceled where ctx ended, by its cause,
	// as with Do.
	Reserve(ctx context.Context, call *Call) (Reservation, Answer)
}

// Reservation is the right to ask a backend once. Exactly one of Do and Cancel is
// called, once.
type Reservation interface {
	// Do asks the backend and returns its answer. It obeys ctx at once; the cause
	// of a canceled ctx tells whether the answer is Canceled or a Timeout.
	//
	// ctx is of this reservation alone, and end ends it, also when the backend's own time
	// is up. Do calls it before it returns; where the answer has a Stream, ctx lives as
	// long as that does, and closing it calls end.
	//
	// decided is closed when the call is decided: what would only make the answer
	// come sooner is not worth it any more.
	Do(ctx context.Context, end context.CancelCauseFunc, call *Call, decided <-chan struct{}) Answer
	// Cancel gives back what was reserved, without asking.
	Cancel()
	// Attempts counts the HTTP exchanges begun so far. It may be called while Do
	// runs.
	Attempts() int
	// Safe reports whether the method that the backend gets is safe. It may be called at
	// any time.
	Safe(call *Call) bool
}
