package combine

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// policyNotMet explains a call that failed as its policy says.
func policyNotMet(status int) problem.Problem {
	return problem.Problem{Kind: problem.PolicyNotMet, Status: status, Detail: "dispatch.successPolicy of the route was not met"}
}

// unmet answers a call whose policy was not met, with the status that the answers
// agree on.
func (c *Combiner) unmet(r *fanout.Result, dst []byte) Response {
	if r.Unwanted {
		p := problem.Problem{Kind: problem.NoBackend, Status: http.StatusNotFound, Detail: "no backend of the route takes this call"}
		return c.explain(r, dst, p, nil)
	}
	s := summarize(r.Answers)
	status := s.status()
	var after []string
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		after = []string{strconv.Itoa(seconds(s.retryAfter))}
	}
	return c.explain(r, dst, policyNotMet(status), after)
}

// seconds rounds up, since a client that comes back too early is refused again. A
// day is the longest that a client is told: backends send what they like.
func seconds(d time.Duration) int {
	return int(math.Ceil(min(max(d, time.Second), 24*time.Hour).Seconds()))
}

// explain responds with a problem, which holds what was diagnosed of the backends.
func (c *Combiner) explain(r *fanout.Result, dst []byte, p problem.Problem, retryAfter []string) Response {
	// A response that cannot be made is a failed call, whatever its policy says.
	failed := *r
	failed.Outcome = fanout.Unmet
	response := Response{Outcome: fanout.Unmet, Status: p.Status, Header: http.Header{"Content-Type": {problem.ContentType}}, Passed: -1}
	if retryAfter != nil {
		response.Header["Retry-After"] = retryAfter
	}
	c.Diagnose(&failed, response.Header)
	if c.Diagnostics == routeconfig.DiagnosticsFull {
		room, size := room{account: r.Memory}, c.sizeOfBackends(r)
		if !room.take(size) {
			return c.short(r)
		}
		dst = grow(dst, size+skeleton+len(p.Detail))
	}
	dst = p.Open(dst)
	if c.Diagnostics != routeconfig.DiagnosticsNone {
		dst = append(dst, `,"outcome":"failed"`...)
	}
	if c.Diagnostics == routeconfig.DiagnosticsFull {
		dst = append(dst, `,"backends":`...)
		dst = c.appendBackends(dst, r)
	}
	response.Body = append(dst, '}')
	return response
}

// summary is what the answers that failed or were rejected have in common.
type summary struct {
	bad, rejected, timeouts, busy, withStatus int
	code                                      int // the one status of all, or 0
	retryAfter                                time.Duration
}

func summarize(answers []fanout.Answer) summary {
	var s summary
	for i := range answers {
		a := &answers[i]
		if a.Outcome != fanout.Failed && a.Outcome != fanout.Rejected {
			continue
		}
		s.add(a)
	}
	return s
}

func (s *summary) add(a *fanout.Answer) {
	s.bad++
	s.retryAfter = max(s.retryAfter, a.RetryAfter)
	if a.Outcome == fanout.Rejected {
		s.rejected++
	}
	if a.Reason == fanout.Timeout {
		s.timeouts++
	}
	if a.Reason != fanout.Status {
		return
	}
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		s.busy++
	}
	if s.withStatus++; s.withStatus == 1 {
		s.code = a.Status
	} else if s.code != a.Status {
		s.code = 0
	}
}

// status is what a client is told of a call that failed.
func (s *summary) status() int {
	switch {
	case s.bad == 0:
		return http.StatusBadGateway
	case s.withStatus == s.bad && mayPass(s.code):
		return s.code
	case s.rejected == s.bad, s.busy == s.bad:
		return http.StatusServiceUnavailable
	case s.timeouts == s.bad:
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// mayPass reports whether a status is the call's if all backends agree on it: those that
// speak about the call itself, and 429, which clients and proxies that repeat a 503 at
// once pass on (measured: one GET became 22 requests of a backend in a quarter of a
// second). 401 and 403 speak about our credentials.
func mayPass(status int) bool {
	switch status {
	case 400, 404, 409, 410, 412, 413, 415, 422, 429:
		return true
	}
	return false
}
