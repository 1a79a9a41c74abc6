package gate

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Refusal says why a request makes no call. It becomes a problem (RFC 9457).
type Refusal struct {
	Status int
	// Slug names the rule, and is the last part of the problem's type.
	Slug   string
	Title  string
	Detail string
	// Field and Value are one more field of the response, if any.
	Field, Value string
	// Gone is set where the client has left and nobody reads a response.
	Gone bool
	// Caller is who was refused, where that was known by then; it is for the access log.
	Caller string
	// Read says that nothing of the request is left to be read.
	Read bool
}

func notFound() *Refusal {
	return &Refusal{Status: http.StatusNotFound, Slug: "no-match", Title: "No match",
		Detail: "listener.matches of the route covers no such path"}
}

func badPath(detail string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Slug: "bad-path", Title: "Path refused", Detail: detail}
}

// BadPath refuses a call whose path cannot be forwarded.
func BadPath(err error) *Refusal { return badPath("the path cannot be forwarded: " + err.Error()) }

// Overloaded refuses a call beyond dispatch.maxInFlight.
func Overloaded() *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, Slug: "overloaded", Title: "Overloaded",
		Detail: "dispatch.maxInFlight calls of the route are under way", Field: "Retry-After", Value: "1"}
}

// TooManyFields refuses a request with more fields than limit.
func TooManyFields(limit int) *Refusal {
	return &Refusal{Status: http.StatusRequestHeaderFieldsTooLarge, Slug: "too-many-fields", Title: "Too many fields",
		Detail: fmt.Sprintf("the request has more than %d fields", limit)}
}

// TooManyCalls refuses one of too many calls from one address, where others wait.
func TooManyCalls() *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, Slug: "overloaded", Title: "Overloaded",
		Detail: "the client's address has its share of the proxy's connections", Field: "Retry-After", Value: "1"}
}

// OutOfMemory refuses a call for whose bodies there is no room.
func OutOfMemory() *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, Slug: "overloaded", Title: "Overloaded",
		Detail: "the proxy's memory for bodies is used up", Field: "Retry-After", Value: "1"}
}

// Stopping answers a call that was not over when the proxy, or its route, had to be.
func Stopping() *Refusal {
	return &Refusal{Status: http.StatusServiceUnavailable, Slug: "stopping", Title: "Stopping",
		Detail: "the proxy stops, or the route is no more, and the call was not over in time", Field: "Retry-After", Value: "1"}
}

func methodNotAllowed(allow []string) *Refusal {
	return &Refusal{Status: http.StatusMethodNotAllowed, Slug: "method-not-allowed", Title: "Method not allowed",
		Detail: "listener.matches of the route covers the path, but not with this method",
		Field:  "Allow", Value: strings.Join(allow, ", ")}
}

func loopDetected() *Refusal {
	return &Refusal{Status: http.StatusLoopDetected, Slug: "loop", Title: "Loop detected",
		Detail: "the call has passed this route already: a backend leads back to it"}
}

func unauthorized(header string) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Slug: "unauthenticated", Title: "Not authenticated",
		Detail: "authentication.apiKeys of the route asks for a valid API key in " + header,
		Field:  "Www-Authenticate", Value: fmt.Sprintf("ApiKey realm=%q, header=%q", "fanout", header)}
}

func rateLimited(name string, wait time.Duration) *Refusal {
	seconds := max(int(math.Ceil(wait.Seconds())), 1)
	return &Refusal{Status: http.StatusTooManyRequests, Slug: "rate-limited", Title: "Too many requests",
		Detail: fmt.Sprintf("rateLimits %q of the route is exhausted", name),
		Field:  "Retry-After", Value: strconv.Itoa(seconds)}
}

func unsupportedType(allowed []string) *Refusal {
	return &Refusal{Status: http.StatusUnsupportedMediaType, Slug: "content-type", Title: "Unsupported media type",
		Detail: "validation.contentTypes of the route admits " + strings.Join(allowed, ", "),
		Field:  "Accept", Value: strings.Join(allowed, ", ")}
}

func tooLarge(limit int64) *Refusal {
	return &Refusal{Status: http.StatusRequestEntityTooLarge, Slug: "body-too-large", Title: "Body too large",
		Detail: fmt.Sprintf("the body exceeds validation.maxBodySize of %d bytes", limit)}
}

func bodyTimeout(limit time.Duration) *Refusal {
	return &Refusal{Status: http.StatusRequestTimeout, Slug: "body-timeout", Title: "Body too slow",
		Detail: fmt.Sprintf("the body did not arrive within validation.bodyTimeout of %s", limit)}
}

func brokenBody() *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Slug: "broken-body", Title: "Broken body",
		Detail: "the body cannot be read to its end"}
}
