package proxy_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encoded(coding, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", coding)
		_, _ = io.WriteString(w, body)
	}
}

// Case C5 of the field.
func TestC5ContentEncodingFollowsTheBody(t *testing.T) {
	t.Parallel()
	whole := gzipped(t, `{"a":1}`)
	for _, row := range []struct {
		name, coding, body string
		outcome            string
	}{
		{"gzip", "gzip", whole, `"outcome":"succeeded","status":200,"contentType":"application/json","body":{"a":1}`},
		{"a list", "identity, GZIP", whole, `"outcome":"succeeded","status":200,"contentType":"application/json","body":{"a":1}`},
		{"a list of none", "identity, ,identity", `{"a":1}`, `"outcome":"succeeded","status":200,"contentType":"application/json","body":{"a":1}`},
		{"truncated", "gzip", whole[:len(whole)-3], `"outcome":"failed","reason":"uncombinable"`},
		{"none at all", "gzip", `{"a":1}`, `"outcome":"failed","reason":"uncombinable"`},
		{"unknown", "compress", "x", `"outcome":"failed","reason":"uncombinable"`},
		{"a bomb", "gzip", gzipped(t, strings.Repeat("0", 4<<20)), `"outcome":"failed","reason":"tooLarge"`},
	} {
		b := testkit.NewBackend(t, encoded(row.coding, row.body))
		p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL))))
		r := p.Do("POST", "orders", "/", "{}")
		if !strings.Contains(r.Body, row.outcome) || r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %s, want …%s…", row.name, r.Status, r.Body, row.outcome)
		}
		if b.Last(t).Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: the backend was asked for %q", row.name, b.Last(t).Header.Get("Accept-Encoding"))
		}
		first := streamed(t, "First", nil, encoded(row.coding, row.body))
		if r := first.Do("POST", "orders", "/", "{}", "Accept-Encoding", "gzip"); r.Body != row.body || r.Header.Get("Content-Encoding") != row.coding {
			t.Errorf("%s passed on: %q as %q", row.name, r.Body, r.Header.Get("Content-Encoding"))
		}
	}
}

// Combined responses are encoded as the client likes it.
func TestCompression(t *testing.T) {
	t.Parallel()
	large := `{"text":"` + strings.Repeat("the same again and again ", 1000) + `"}`
	b := testkit.NewBackend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body := large
		if r.URL.Path == "/small" {
			body = `{"a":1}`
		}
		_, _ = io.WriteString(w, body)
	})
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, request(forward)))))
	plain := p.Do("GET", "orders", "/", "").Body
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "GZIP;q=0.5, zstd;q=0.1": "gzip", "gzip, zstd": "zstd", "*": "zstd", "br": "", "gzip;q=0": "", "*;q=0.5, zstd;q=0": "gzip",
		"gzip;q=0.5, identity": "", "gzip;q=nonsense": "", "identity;q=0.2, gzip;q=0.3": "gzip",
	} {
		var fields []string
		if accept != "" {
			fields = []string{"Accept-Encoding", accept}
		}
		r := p.Do("GET", "orders", "/", "", fields...)
		var reader io.Reader = strings.NewReader(r.Body)
		switch r.Header.Get("Content-Encoding") {
		case "gzip":
			reader, _ = gzip.NewReader(reader)
		case "zstd":
			reader, _ = zstd.NewReader(reader)
		}
		got, err := io.ReadAll(reader)
		if r.Header.Get("Content-Encoding") != want || err != nil || string(got) != plain || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: encoding %q, Vary %q, %d bytes, %v; want %q", accept, r.Header.Get("Content-Encoding"), r.Header.Get("Vary"), len(got), err, want)
		}
		if r := p.Do("GET", "orders", "/small", "", fields...); r.Header.Get("Content-Encoding") != "" || !strings.Contains(r.Body, `{"a":1}`) {
			t.Errorf("%q: a small body is encoded as %q", accept, r.Header.Get("Content-Encoding"))
		}
	}
}
