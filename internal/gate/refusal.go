package gate

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/problem"
)

// Refusal says why a request makes no call. The response is a problem.
type Refusal struct {
	problem.Problem

	// Field is one more field of the response, if any, with a line for each of Values.
	Field  string
	Values []string
	// Gone is set where the client has left and nobody reads a response.
	Gone bool
	// Caller is who was refused, where that was known by then; it is for the access log.
	Caller string
	// Limit is the limit, or the setting, that the request is beyond; empty for none. It is
	// for the access log, as the reason is.
	Limit string
	// cause says more of who is not known than the kind does.
	cause string
	// Read says that nothing of the request is left to be read.
	Read bool
}

func refuse(kind problem.Kind, status int, detail string) *Refusal {
	return &Refusal{Problem: problem.Problem{Kind: kind, Status: status, Detail: detail}}
}

// with adds the field that tells a client how to do better.
func (r *Refusal) with(field, value string) *Refusal {
	r.Field, r.Values = field, []string{value}
	return r
}

// beyond names the limit.
func (r *Refusal) beyond(limit string) *Refusal {
	r.Limit = limit
	return r
}

// later refuses with a 503 that asks to come back in a second.
func later(kind problem.Kind, detail string) *Refusal {
	return refuse(kind, http.StatusServiceUnavailable, detail).with("Retry-After", "1")
}

func notFound() *Refusal {
	return refuse(problem.NoMatch, http.StatusNotFound, "listener.matches of the route covers no such path")
}

func badPath(detail string) *Refusal { return refuse(problem.BadPath, http.StatusBadRequest, detail) }

// BadPath refuses a call whose path cannot be forwarded.
func BadPath(err error) *Refusal { return badPath("the path cannot be forwarded: " + err.Error()) }

// Overloaded refuses a call beyond dispatch.maxInFlight.
func Overloaded() *Refusal {
	return later(problem.Overloaded, "dispatch.maxInFlight calls of the route are under way").beyond("dispatch.maxInFlight")
}

// TooManyFields refuses a request with more fields than limit.
func TooManyFields(limit int) *Refusal {
	return refuse(problem.TooManyFields, http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the request has more than %d fields", limit)).beyond("fields")
}

// TooManyCalls refuses one of too many calls from one address, where others wait.
func TooManyCalls() *Refusal {
	return later(problem.Overloaded, "the client's address has its share of the proxy's connections").beyond("connections")
}

// OutOfMemory refuses a call for whose bodies there is no room.
func OutOfMemory() *Refusal {
	return later(problem.Overloaded, "the proxy's memory for bodies is used up").beyond("memory")
}

// Stopping answers a call that was not over when the proxy, or its route, had to be.
func Stopping() *Refusal {
	return later(problem.Stopping, "the proxy stops, or the route is no more, and the call was not over in time")
}

func methodNotAllowed(allow []string) *Refusal {
	return refuse(problem.MethodNotAllowed, http.StatusMethodNotAllowed, "listener.matches of the route covers the path, but not with this method").
		with("Allow", strings.Join(allow, ", "))
}

func loopDetected() *Refusal {
	return refuse(problem.Loop, http.StatusLoopDetected, "the call has passed this route already: a backend leads back to it")
}

func unauthorized(wants string, challenges []string, cause string) *Refusal {
	r := refuse(problem.Unauthenticated, http.StatusUnauthorized, "authentication of the route asks for "+wants)
	r.Field, r.Values, r.cause = "Www-Authenticate", challenges, cause
	return r
}

func callerUnjudged() *Refusal {
	return later(problem.CallerUnjudged, "what the call shows of its caller cannot be judged now: the keys or users to judge it by are not there yet, or too many calls wait for it")
}

func rateLimited(name string, wait time.Duration) *Refusal {
	return refuse(problem.RateLimited, http.StatusTooManyRequests, fmt.Sprintf("rateLimits %q of the route is exhausted", name)).
		with("Retry-After", strconv.FormatInt(wholeSeconds(wait), 10)).beyond(name)
}

// limitUnknown refuses a call where the limit has to hold, and nobody can say whether it does.
func limitUnknown(name string) *Refusal {
	return later(problem.LimitUnknown, fmt.Sprintf("the store of rateLimits %q of the route does not answer", name)).beyond(name)
}

// left answers nobody: the client has gone.
func left() *Refusal {
	refusal := brokenBody()
	refusal.Gone = true
	return refusal
}

func unsupportedType(allowed []string) *Refusal {
	list := strings.Join(allowed, ", ")
	return refuse(problem.UnsupportedType, http.StatusUnsupportedMediaType, "validation.contentTypes of the route admits "+list).with("Accept", list)
}

func tooLarge(limit int64) *Refusal {
	return refuse(problem.BodyTooLarge, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body exceeds validation.maxBodySize of %d bytes", limit)).beyond("validation.maxBodySize")
}

func bodyTimeout(limit time.Duration) *Refusal {
	return refuse(problem.BodyTimeout, http.StatusRequestTimeout, fmt.Sprintf("the body did not arrive within validation.bodyTimeout of %s", limit)).beyond("validation.bodyTimeout")
}

func encoded() *Refusal {
	return refuse(problem.UnsupportedType, http.StatusUnsupportedMediaType, "validation of the route judges bodies without Content-Encoding alone").
		with("Accept-Encoding", "identity")
}

func notJSON(detail string) *Refusal {
	return refuse(problem.NotJSON, http.StatusBadRequest, "validation of the route asks for a body in JSON: "+detail)
}

// unjudged refuses while there is nothing to judge by: who asks for validation wants no
// call without.
func unjudged() *Refusal {
	return later(problem.Unjudged, "what validation of the route refers to is missing, or broken: see its condition ResolvedRefs")
}

func brokenBody() *Refusal {
	return refuse(problem.BrokenBody, http.StatusBadRequest, "the body cannot be read to its end")
}
