package proxy_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// aboutContent are fields of one content, with values that hold for it.
func aboutContent() []string {
	return []string{
		"Content-Digest", "sha-256=:x:", "Repr-Digest", "sha-256=:x:", "Digest", "sha-256=x", "Content-MD5", "x", "Content-Language", "en",
		"Signature", "sig1=:x:", "Signature-Input", `sig1=("content-digest")`, "X-Hub-Signature-256", "sha256=x", "X-Amz-Content-Sha256", "x",
	}
}

// P2: a backend that gets another body than the call's hears nothing of the old one, and
// all of it where it gets that.
func TestP2BackendsHearOfTheirOwnBody(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	for name, row := range map[string]struct {
		modify func(*routeconfig.Request)
		body   string
		kept   bool
	}{
		"as received":                {func(*routeconfig.Request) {}, `{"a":1}`, true},
		"another method":             {func(r *routeconfig.Request) { r.Method = "PUT" }, `{"a":1}`, true},
		"none":                       {func(r *routeconfig.Request) { r.DropBody = true }, `{"a":1}`, false},
		"GET":                        {func(r *routeconfig.Request) { r.Method = "GET" }, `{"a":1}`, false},
		"HEAD":                       {func(r *routeconfig.Request) { r.Method = "HEAD" }, `{"a":1}`, false},
		"an expression":              {func(r *routeconfig.Request) { r.BodyExpression = "{'b': 222}" }, `{"a":1}`, false},
		"an expression, and GET":     {func(r *routeconfig.Request) { r.BodyExpression, r.Method = "{'b': 222}", "GET" }, `{"a":1}`, false},
		"an expression for none":     {func(r *routeconfig.Request) { r.BodyExpression = "{'b': 222}" }, "", false},
		"none for none is the same":  {func(r *routeconfig.Request) { r.DropBody = true }, "", true},
		"nothing received, nor sent": {func(*routeconfig.Request) {}, "", true},
	} {
		p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, request(row.modify)))))
		fields := append(aboutContent(), "Want-Content-Digest", "sha-256=1", "Content-Type", "application/json", "X-Kept", "1")
		if r := p.Do("POST", "orders", "/", row.body, fields...); r.Status != 200 {
			t.Fatalf("%s: %d %s", name, r.Status, r.Body)
		}
		got := b.Last(t)
		for i := 0; i < len(aboutContent()); i += 2 {
			field := http.CanonicalHeaderKey(aboutContent()[i])
			if kept := got.Header[field] != nil; kept != row.kept && (row.body != "" || !strings.HasPrefix(field, "Content-")) {
				t.Errorf("%s: with body %q the backend hears of %s: %t, want %t", name, got.Body, field, kept, row.kept)
			}
		}
		if got.Header.Get("X-Kept") != "1" || got.Header.Get("Want-Content-Digest") == "" {
			t.Errorf("%s: what speaks about no body is lost: %v", name, got.Header)
		}
		if got.Header.Get("Content-Length") == "7" && string(got.Body) != row.body {
			t.Errorf("%s: the length is that of another body", name)
		}
	}
}

// P2: the client hears nothing of bodies that it does not get, in the head, in the trailer
// or in Envelope's own list, and all of the body that it gets.
func TestP2ClientsHearOfTheirOwnBody(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		fields := append(aboutContent(), "ETag", `W/"1"`, "Last-Modified", "Fri, 27 Nov 2026 09:00:00 GMT", "Accept-Ranges", "bytes", "Content-Range", "bytes 0-6/7")
		handler := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Repr-Digest, X-Sum")
			for i := 0; i < len(fields); i += 2 {
				w.Header().Set(fields[i], fields[i+1])
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"a":1}`)
			w.Header().Set("X-Sum", "1")
			w.Header().Set(http.TrailerPrefix+"Content-Digest", "sha-256=:x:")
		}
		var names []string
		for i := 0; i < len(fields); i += 2 {
			names = append(names, http.CanonicalHeaderKey(fields[i]))
		}
		b := testkit.NewBackend(t, handler)
		for _, kind := range []string{"Envelope", "Merge", "Group", "First", "Primary"} {
			p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL), testkit.Receiver("two", b.URL)),
				response(kind), func(r *routeconfig.Route) { r.Response.HeadersFromBackends = names }))
			single := kind == "First" || kind == "Primary"
			r := over(t, p, "HTTP/1.1", "GET")
			body, _ := io.ReadAll(r.Body)
			for _, name := range names {
				if heard := r.Header[name] != nil; heard != single {
					t.Errorf("%s: the client hears of %s: %t, want %t", kind, name, heard, single)
				}
				if !single && strings.Contains(string(body), name) {
					t.Errorf("%s: the body tells of %s: %s", kind, name, body)
				}
			}
			if heard := len(r.Trailer) > 0; heard != single || single && r.Trailer.Get("Content-Digest") == "" {
				t.Errorf("%s: the trailer is %v", kind, r.Trailer)
			}
		}
		for name, row := range map[string]struct {
			url    string
			modify func(*routeconfig.Request)
		}{
			"a body with 205, which has none": {rawBackend(t, "HTTP/1.1 205 Reset Content\r\nETag: \"1\"\r\nContent-Digest: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody"), func(*routeconfig.Request) {}},
			"GET that a backend gets as HEAD": {b.URL, func(r *routeconfig.Request) { r.Method = "HEAD" }},
		} {
			p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", row.url, request(row.modify))), response("First")))
			r := over(t, p, "HTTP/1.1", "GET")
			body, err := io.ReadAll(r.Body)
			for field := range r.Header {
				if slices.Contains(names, field) && (r.StatusCode == 200 || field != "Etag") || field == "Content-Encoding" || field == "Content-Length" && r.Header.Get(field) != "0" {
					t.Errorf("%s: %s: %s is of a body that nobody gets (%q, %v)", name, field, r.Header.Get(field), body, err)
				}
			}
		}
	})
}
