package backend

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/body"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/memory"
)

// reading is how the responses of a backend become answers.
type reading struct {
	// combined says that the response is made of several bodies.
	combined bool
	// idleTimeout bounds the silence of a response that is streamed; 0 for one that is
	// read whole.
	idleTimeout time.Duration
	maxSize     int64
	success     successes
	credential  bool // one of ours is shown
}

// streams reports whether a response is passed on while it comes. What is no success
// is read whole: it may be repeated. So is what has come already.
func (s *reading) streams(call *fanout.Call, response *http.Response) bool {
	return s.idleTimeout > 0 && response.Body != http.NoBody && response.StatusCode != http.StatusResetContent &&
		s.succeeded(call, response.StatusCode) && !s.arrived(response)
}

// arrived reports whether the body is here with its head, as that of most short responses is.
func (s *reading) arrived(response *http.Response) bool {
	content, ok := response.Body.(interface{ Arrived() bool })
	return ok && response.ContentLength <= s.maxSize && content.Arrived()
}

// read takes the response, whole.
func (s *reading) read(ctx context.Context, w *work, response *http.Response) fanout.Answer {
	a := fanout.Answer{Outcome: fanout.Succeeded, Status: response.StatusCode, Header: response.Header}
	declared := response.ContentLength
	if response.Body == http.NoBody {
		declared = 0 // to HEAD, and with 304, it announces the body of another response
		if w.request.Method == http.MethodHead && w.call.Method != http.MethodHead {
			maps.DeleteFunc(response.Header, func(name string, _ []string) bool { return headers.AboutContent(name) })
		}
	}
	content, err := s.content(response, declared, w.call.Memory)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		a.Outcome, a.Reason = fanout.Failed, fanout.TooLarge
	case errors.Is(err, memory.ErrUsedUp):
		a = overloaded()
	case errors.Is(err, body.ErrEncoding):
		a.Outcome, a.Reason = fanout.Failed, fanout.Uncombinable
		if !s.succeeded(w.call, response.StatusCode) {
			a.Reason = fanout.Status
		}
	case err != nil:
		a = failure(ctx, fanout.Reset)
		a.Status, a.Header, a.Cause = response.StatusCode, response.Header, fanout.BodyTimeout
		if a.Reason == fanout.Reset {
			a.Cause, a.Detail = dial.Cause(err)
		}
	default:
		a.Body = content
		if !s.succeeded(w.call, response.StatusCode) {
			a.Outcome, a.Reason = fanout.Failed, fanout.Status
			a.RetryAfter = retryAfter(response.Header)
		}
	}
	a.Refused = a.Outcome == fanout.Failed && s.credential &&
		(response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden)
	return a
}

// content is the body, decoded where it is to become part of another one.
func (s *reading) content(response *http.Response, declared int64, account *memory.Account) ([]byte, error) {
	codings := body.Codings(response.Header["Content-Encoding"])
	if len(codings) == 0 || !s.combined || declared == 0 {
		return body.Read(response.Body, declared, s.maxSize, account) // told apart by read
	}
	if declared > s.maxSize {
		return nil, body.ErrTooLarge
	}
	content, err := body.Decode(response.Body, codings, s.maxSize, account)
	if err == nil {
		delete(response.Header, "Content-Encoding")
	}
	return content, err // told apart by read
}

// successes are the statuses that count as success; none means every 2xx.
type successes map[int]bool

func newSuccesses(codes []int) successes {
	s := successes{}
	for _, code := range codes {
		s[code] = true
	}
	return s
}

// succeeded judges a status. A 304 answers a condition of the caller's, which only
// responses of a single backend may carry.
func (s *reading) succeeded(call *fanout.Call, status int) bool {
	if status == http.StatusNotModified && !s.combined && conditional(call.Header) {
		return true
	}
	if len(s.success) > 0 {
		return s.success[status]
	}
	return status/100 == 2
}

func conditional(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "If-") {
			return true
		}
	}
	return false
}

// retryAfter reads the field (RFC 9110, section 10.2.3) in both its forms.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
