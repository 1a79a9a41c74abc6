package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
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

// clocked is a response whose connection notes the deadlines that it gets.
type clocked struct {
	http.ResponseWriter

	deadlines []time.Time
}

// SetReadDeadline is what http.ResponseController looks for.
func (c *clocked) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

// A body has its time, and the connection none of it afterwards. Where there is no body the
// connection's own deadline stays as it is.
func TestOnlyBodiesHaveADeadline(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(r *routeconfig.Route) { r.Validation.BodyTimeout = testkit.Span(time.Hour) })
	for _, length := range []int64{0, 4, -1} {
		r := httptest.NewRequest("POST", "/", nil)
		carrying("", strings.NewReader("body"[:max(length, 0)]), length)(r)
		w, begun := &clocked{ResponseWriter: httptest.NewRecorder()}, time.Now()
		a, refusal := g.Admit(&Guest{Writer: w, Request: r, Memory: testkit.Account()})
		if refusal != nil || !a.read {
			t.Fatalf("length %d: %+v, want it in and read", length, refusal)
		}
		if length == 0 {
			if len(w.deadlines) != 0 {
				t.Errorf("without a body: deadlines %v", w.deadlines)
			}
			continue
		}
		if len(w.deadlines) != 2 || w.deadlines[0].Before(begun.Add(time.Hour)) || !w.deadlines[1].IsZero() {
			t.Errorf("length %d: deadlines %v, want one of an hour from %v, and none at the end", length, w.deadlines, begun)
		}
	}
}

// What is no network cannot be trusted, and is not overlooked either.
func TestTrustedNetworksAreNetworks(t *testing.T) {
	t.Parallel()
	for _, cidr := range []string{"", "10.0.0.1", "10.0.0.0/33", "fd00::/8/8", "cluster.local"} {
		config := routeconfig.Route{Listener: routeconfig.Listener{TrustedCIDRs: []string{"10.0.0.0/8", cidr}}}
		if _, err := New(Options{Config: &config}); err == nil || !strings.Contains(err.Error(), "trusted network") {
			t.Errorf("%q: error %v, want one of trusted networks", cidr, err)
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
