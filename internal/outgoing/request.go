package outgoing

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/url"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Request is what a backend is to get for one call, without the credential. It is
// read-only: the attempts of the call share it, at the same time where one hedges another.
type Request struct {
	Method string
	// Authority is the Host that the backend sees; empty for that of URL.
	Authority string
	// URL has the raw path and query, and the address that is dialled.
	URL    url.URL
	Fields http.Header
	Body   []byte
}

// Safe reports whether the method is safe (RFC 9110, section 9.2.1).
func (r *Request) Safe() bool { return fanout.SafeMethod(r.Method) }

// Repeatable reports whether the request may be executed twice (RFC 9110, section 9.2.2),
// by the document's word for the methods that are repeated.
func (r *Request) Repeatable(methods string) bool {
	if methods == routeconfig.RetryAll {
		return true
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return methods == routeconfig.RetryIdempotencyKey && len(r.Fields["Idempotency-Key"]) > 0
}

// Attempt is the request of one attempt, with its reading of the content.
type Attempt struct {
	http.Request

	content content
}

// content implements io.ReadCloser, and what package wire asks of content that it writes from
// where it is: io.WriterTo, and Len.
type content struct{ bytes.Reader }

// Close implements io.Closer.
func (*content) Close() error { return nil }

// Begin fills the request of an attempt, which ends with ctx. Fields, URL and content are
// shared with the other attempts: ShowField and ShowParameter change them for this one.
// There is no GetBody, so that net/http repeats nothing by itself.
func (r *Request) Begin(a *Attempt, ctx context.Context) { //nolint:revive // ctx is a part of the attempt
	a.Request = *new(http.Request).WithContext(ctx)
	out := &a.Request
	out.Method, out.Host, out.Header, out.URL = r.Method, r.Authority, r.Fields, &r.URL
	out.Proto, out.ProtoMajor, out.ProtoMinor = "HTTP/1.1", 1, 1
	out.Body = http.NoBody
	if len(r.Body) > 0 {
		a.content.Reset(r.Body)
		out.Body, out.ContentLength = &a.content, int64(len(r.Body))
	}
}

// ShowField sets a field, given by its canonical name, in one attempt.
func ShowField(attempt *http.Request, name, value string) {
	fields := maps.Clone(attempt.Header)
	fields[name] = []string{value}
	attempt.Header = fields
}

// ShowParameter sets a parameter of the query in one attempt.
func ShowParameter(attempt *http.Request, name, value string) {
	u := *attempt.URL
	if u.RawQuery != "" {
		u.RawQuery = without(u.RawQuery, func(other string) bool { return other == name })
	}
	u.RawQuery = appendParameter(u.RawQuery, name, value)
	attempt.URL = &u
}
