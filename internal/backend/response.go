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
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/memory"
)

// read takes the response, whole.
func (e *exchange) read(ctx context.Context, call *fanout.Call, response *http.Response) {
	e.answer = fanout.Answer{Outcome: fanout.Succeeded, Status: response.StatusCode, Header: response.Header}
	declared := response.ContentLength
	if response.Body == http.NoBody {
		declared = 0 // to HEAD, and with 304, it announces the body of another response
		if e.request.Method == http.MethodHead && call.Method != http.MethodHead {
			maps.DeleteFunc(response.Header, func(name string, _ []string) bool { return headers.AboutContent(name) })
		}
	}
	content, err := e.content(response, declared, call.Memory)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		e.answer.Outcome, e.answer.Reason = fanout.Failed, fanout.TooLarge
	case errors.Is(err, memory.ErrUsedUp):
		e.answer = overloaded()
	case errors.Is(err, body.ErrEncoding):
		e.answer.Outcome, e.answer.Reason = fanout.Failed, fanout.Uncombinable
		if !e.backend.succeeded(call, response.StatusCode) {
			e.answer.Reason = fanout.Status
		}
	case err != nil:
		e.answer = failure(ctx, fanout.Reset)
		e.answer.Status, e.answer.Header = response.StatusCode, response.Header
	default:
		e.answer.Body = content
		if !e.backend.succeeded(call, response.StatusCode) {
			e.answer.Outcome, e.answer.Reason = fanout.Failed, fanout.Status
			e.answer.RetryAfter = retryAfter(response.Header)
		}
	}
	e.answer.Refused = e.answer.Outcome == fanout.Failed && e.backend.credential != nil &&
		(response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden)
}

// content is the body, decoded where it is to become part of another one.
func (e *exchange) content(response *http.Response, declared int64, account *memory.Account) ([]byte, error) {
	codings := body.Codings(response.Header["Content-Encoding"])
	if len(codings) == 0 || !e.backend.combined || declared == 0 {
		return body.Read(response.Body, declared, e.backend.maxSize, account) //nolint:wrapcheck // told apart by read
	}
	if declared > e.backend.maxSize {
		return nil, body.ErrTooLarge
	}
	content, err := body.Decode(response.Body, codings, e.backend.maxSize, account)
	if err == nil {
		delete(response.Header, "Content-Encoding")
	}
	return content, err //nolint:wrapcheck // told apart by read
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
func (b *Backend) succeeded(call *fanout.Call, status int) bool {
	if status == http.StatusNotModified && !b.combined && conditional(call.Header) {
		return true
	}
	if len(b.success) > 0 {
		return b.success[status]
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
