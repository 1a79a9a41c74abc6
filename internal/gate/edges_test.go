package gate

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// carrying gives a request a body, whose length is declared or is not.
func carrying(contentType string, body io.Reader, length int64) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(body), length
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
	}
}

// Of two matches that cover a path the exact one counts, whichever stands first: what
// follows it is what a backend gets appended.
func TestExactMatchesComeFirst(t *testing.T) {
	t.Parallel()
	prefix, exact := routeconfig.Match{Path: "/a/"}, routeconfig.Match{Path: "/a/", Exact: true}
	for _, matches := range [][]routeconfig.Match{{prefix, exact}, {exact, prefix}, {prefix, exact, {Path: "/"}}} {
		g := newGate(t, func(r *routeconfig.Route) { r.Listener.Matches = matches })
		for target, want := range map[string]int{"/a/": 3, "/a/b": 2, "/a": 2} {
			if call, refusal, _ := admit(g, "GET", target); refusal != nil || call.Prefix != want {
				t.Errorf("%+v: %s: %+v, want it in with a prefix of %d bytes", matches, target, refusal, want)
			}
		}
	}
}

// What has passed the route before is refused.
func TestLoopsAreRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(*routeconfig.Route) {})
	for via, want := range map[string]int{"1.1 fanout-x": 508, "1.1 edge, 1.1 fanout-x": 508, "1.1 fanout-y": 0, "": 0} {
		_, refusal, _ := admit(g, "GET", "/", with("Via", via))
		if status := statusOf(refusal); status != want {
			t.Errorf("Via %q: %d, want %d", via, status, want)
		}
	}
}

// A route that names no types takes all of them; one that does reads no body of another.
func TestBodiesOfOtherTypesAreNotRead(t *testing.T) {
	t.Parallel()
	unread := iotest.ErrReader(errors.New("it was read"))
	for name, row := range map[string]struct {
		types  []string
		modify func(*http.Request)
		want   int
		body   string
	}{
		"any type":                   {nil, carrying("text/plain", strings.NewReader("body"), 4), 0, "body"},
		"no type at all":             {nil, carrying("", strings.NewReader("body"), 4), 0, "body"},
		"the type":                   {[]string{"text/plain"}, carrying("Text/Plain; charset=utf-8", strings.NewReader("body"), 4), 0, "body"},
		"another, of a known length": {[]string{"application/json"}, carrying("text/plain", unread, 4), 415, ""},
		"another, in chunks":         {[]string{"application/json"}, carrying("text/plain", strings.NewReader("body"), -1), 415, ""},
		"another, in no chunk":       {[]string{"application/json"}, carrying("text/plain", strings.NewReader(""), -1), 0, ""},
		"no body":                    {[]string{"application/json"}, carrying("text/plain", unread, 0), 0, ""},
		"too large":                  {nil, carrying("", strings.NewReader(strings.Repeat("x", 9)), -1), 413, ""},
		"too large by its length":    {nil, carrying("", unread, 9), 413, ""},
		"it breaks off":              {nil, carrying("", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("body"))), 4), 400, ""},
	} {
		g := newGate(t, func(r *routeconfig.Route) { r.Validation.ContentTypes, r.Validation.MaxBodySize = row.types, 8 })
		call, refusal, _ := admit(g, "POST", "/", row.modify)
		if status := statusOf(refusal); status != row.want {
			t.Errorf("%s: %d, want %d", name, status, row.want)
		}
		if refusal == nil && string(call.Body) != row.body {
			t.Errorf("%s: the body is %q", name, call.Body)
		}
	}
}

// A peer that has no address has none, and is nobody that a route trusts.
func TestPeersWithoutAddress(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{"pipe": "invalid IP", "": "invalid IP", "10.0.0.1:7": "10.0.0.1", "[::ffff:10.0.0.1]:7": "10.0.0.1", "[fe80::1%eth0]:7": "fe80::1"} {
		if got := Peer(remote).String(); got != want {
			t.Errorf("%q is %s, want %s", remote, got, want)
		}
	}
}
