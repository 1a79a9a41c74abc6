package testkit

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Request is one request as a backend got it. Target is its raw bytes.
type Request struct {
	Method, Target, Host string
	Header               http.Header
	ContentLength        int64
	TransferEncoding     []string
	Body                 []byte
}

// Backend is an HTTP server that keeps the requests that it got.
type Backend struct {
	*httptest.Server

	mu   sync.Mutex
	seen []Request
}

// NewBackend starts a server until the end of the test. The handler finds the
// whole body in the request; nil answers {"ok":true}.
func NewBackend(t testing.TB, handler http.HandlerFunc) *Backend {
	t.Helper()
	if handler == nil {
		handler = Respond(http.StatusOK, "application/json", `{"ok":true}`)
	}
	b := &Backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PRI" { // an etcd client beside us looks for its server, whose port this was
			panic(http.ErrAbortHandler)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		b.mu.Lock()
		b.seen = append(b.seen, Request{
			r.Method, r.RequestURI, r.Host, r.Header.Clone(), r.ContentLength, r.TransferEncoding, body})
		b.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

// Respond is a handler that gives one response.
func Respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Seen returns the requests so far.
func (b *Backend) Seen() []Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Request{}, b.seen...)
}

// Count is the number of requests so far.
func (b *Backend) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seen)
}

// Last returns the newest request.
func (b *Backend) Last(t testing.TB) Request {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) == 0 {
		t.Fatal("the backend was not asked")
	}
	return b.seen[len(b.seen)-1]
}
