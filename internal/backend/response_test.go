package backend

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/tether"
)

// said answers every request with one response.
type said http.Response

// RoundTrip implements http.RoundTripper.
func (s *said) RoundTrip(r *http.Request) (*http.Response, error) {
	tether.Observe(r.Context(), false)
	response := http.Response(*s)
	return &response, nil
}

// whole is a response of so many bytes, as announced, with fields.
func whole(status int, body io.Reader, length int64, fields ...string) *said {
	content := io.NopCloser(body)
	if body == http.NoBody {
		content = http.NoBody
	}
	return &said{StatusCode: status, ContentLength: length, Body: content, Header: newCall("", fields...).Header}
}

func gzipped(t *testing.T, content string) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, content); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return &out
}

// What of a response becomes part of the answer.
func TestWhatAResponseSays(t *testing.T) {
	t.Parallel()
	head := routeconfig.Backend{Request: routeconfig.Request{Method: "HEAD"}}
	for name, row := range map[string]struct {
		alone    bool // the response is that of this backend
		config   routeconfig.Backend
		call     *fanout.Call
		response *said
		outcome  fanout.Outcome
		reason   fanout.Reason
		body     string
		kept     string // those of its fields that stay
	}{
		"an encoding, in a combined response": {
			response: whole(200, gzipped(t, "text"), -1, "Content-Encoding", "gzip", "X-Kept", "1"), outcome: fanout.Succeeded, body: "text", kept: "X-Kept",
		},
		"an encoding, in a response of its own": {
			alone: true, response: whole(200, strings.NewReader("as it is"), -1, "Content-Encoding", "gzip"), outcome: fanout.Succeeded, body: "as it is", kept: "Content-Encoding",
		},
		"an encoding that it is not": {
			response: whole(200, strings.NewReader("as it is"), -1, "Content-Encoding", "gzip"), outcome: fanout.Failed, reason: fanout.Uncombinable, kept: "Content-Encoding",
		},
		"an encoding that announces too much is not read": {
			response: whole(200, iotest.ErrReader(errBroken), 17, "Content-Encoding", "gzip"), outcome: fanout.Failed, reason: fanout.TooLarge, kept: "Content-Encoding",
		},
		"the length of what HEAD leaves out": {
			call: newCall("HEAD"), response: whole(200, http.NoBody, 10, "Content-Length", "10"), outcome: fanout.Succeeded, kept: "Content-Length",
		},
		"the content of what a HEAD of ours leaves out": {
			config: head, call: newCall("GET"), response: whole(200, http.NoBody, 10, "Content-Length", "10", "X-Kept", "1"), outcome: fanout.Succeeded, kept: "X-Kept",
		},
		"304 to a condition": {
			alone: true, call: newCall("GET", "If-None-Match", `"1"`), response: whole(304, http.NoBody, 10, "Etag", `"1"`), outcome: fanout.Succeeded, kept: "Etag",
		},
		"304 to no condition": {
			alone: true, call: newCall("GET", "Accept", "*/*"), response: whole(304, http.NoBody, 0), outcome: fanout.Failed, reason: fanout.Status,
		},
	} {
		b := newBackendOver(t, row.config, row.response, func(o *Options) { o.Combined = !row.alone })
		call := row.call
		if call == nil {
			call = newCall("GET")
		}
		a := ask(t, b, call)
		if a.Outcome != row.outcome || a.Reason != row.reason || string(a.Body) != row.body {
			t.Errorf("%s: %v/%v, %q; want %v/%v, %q", name, a.Outcome, a.Reason, a.Body, row.outcome, row.reason, row.body)
		}
		var kept []string
		for field := range a.Header {
			kept = append(kept, field)
		}
		if strings.Join(kept, " ") != row.kept {
			t.Errorf("%s: the fields are %q, want %q", name, kept, row.kept)
		}
	}
}
