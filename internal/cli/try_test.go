package cli

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// serveRoute is a route that says of its backends what a test wants, and what it was asked.
func serveRoute(t *testing.T, status int, backends, body string) (url string, asked *string) {
	t.Helper()
	asked = new("")
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		*asked = r.Method + " " + r.URL.String() + " " + r.Header.Get("X-Api-Key") + " " + r.Header.Get("Content-Type") + " " + string(got)
		if backends != "" {
			w.Header().Set("Fanout-Outcome", "partial")
			w.Header().Set("Fanout-Backends", backends)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestTryDrawsACall(t *testing.T) {
	t.Parallel()
	const backends = "one;outcome=succeeded;status=200;ms=100000;attempts=1, two;outcome=failed;reason=status;status=503;ms=50000;attempts=3, " +
		"three;outcome=rejected;reason=circuitOpen;ms=0;attempts=0, four;outcome=pending;ms=1;attempts=1"
	url, asked := serveRoute(t, 207, backends, `{"a":1}`)
	out, errOut, err := command(t, "", "try", "--url", url+"/orders?x=1", "-k", "-d", "@"+write(t, "body", `{"id":7}`), "-H", "X-API-Key: k: y")
	if err != nil {
		t.Fatalf("%v %s", err, errOut)
	}
	testkit.Golden(t, filepath.Join("testdata", "try.txt"), ageless(out))
	if want := `POST /orders?x=1 k: y application/json {"id":7}`; *asked != want {
		t.Errorf("asked %q, want %q", *asked, want)
	}
	out, _, err = command(t, "body", "try", "--url", url, "-k", "-X", "PUT", "-d", "@-", "-o", "json")
	got := seen{}
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || got.Status != 207 || len(got.Backends) != 4 || got.Backends[1] != (seenBackend{"two", "failed", "status", 503, 50000, 3}) || got.Body != `{"a":1}` {
		t.Errorf("as JSON: %v %+v", err, got)
	}
	if !strings.HasPrefix(*asked, "PUT / ") || !strings.HasSuffix(*asked, " body") {
		t.Errorf("asked %q", *asked)
	}
	for _, at := range []string{url, url + "/"} {
		if _, _, err := command(t, "", "try", "--url", at, "-k", "--path", "/orders?x=2"); err != nil || !strings.HasPrefix(*asked, "GET /orders?x=2 ") {
			t.Errorf("%s and a path: asked %q, %v", at, *asked, err)
		}
	}
}

func TestTryFails(t *testing.T) {
	t.Parallel()
	refused, _ := serveRoute(t, 401, "", "no")
	binary, _ := serveRoute(t, 200, "one;outcome=succeeded;ms=1;attempts=1", "\xff\xfe")
	for name, row := range map[string]struct {
		args      []string
		out, want string
	}{
		"a refusal":               {[]string{"--url", refused, "-k"}, "Nothing is told of backends", "reported"},
		"what is no text":         {[]string{"--url", binary, "-k"}, "(2 bytes that are no text)", ""},
		"a certificate":           {[]string{"--url", binary}, "", "certificate"},
		"nobody":                  {nil, "", "name either a route of a cluster, or what to call by --url"},
		"both":                    {[]string{"orders", "--url", binary}, "", "name either a route of a cluster, or what to call by --url"},
		"two paths":               {[]string{"--url", binary + "/a", "--path", "/b"}, "", "has a path or a query already"},
		"an address that is none": {[]string{"--url", "http://a b/"}, "", `--url "http://a b/" is neither a URL nor host:port`},
		"a field":                 {[]string{"--url", binary, "-H", "x"}, "", `--header "x" is not NAME: VALUE`},
		"a file":                  {[]string{"--url", binary, "-d", "@/none"}, "", "read --data"},
		"authorities":             {[]string{"--url", binary, "--cacert", "/none"}, "", "read --cacert"},
		"no authorities":          {[]string{"--url", binary, "--cacert", write(t, "ca", "x")}, "", "has no certificate in PEM"},
		"an output":               {[]string{"--url", binary, "-o", "yaml"}, "", `output "yaml" is neither text nor json`},
		"a path of another host":  {[]string{"void/orders", "--path", "v1/orders"}, "", `--path "v1/orders" does not begin with / or ?`},
		"another scheme":          {[]string{"--url", "ftp://127.0.0.1/"}, "", `--url "ftp://127.0.0.1/" is neither a URL nor host:port`},
		"no ready Pod":            {[]string{"void/orders", "--kubeconfig", kubeconfig}, "", `get route void/orders`},
	} {
		out, _, err := command(t, "", append([]string{"try"}, row.args...)...)
		if !strings.Contains(out, row.out) || (row.want == "") != (err == nil) {
			t.Errorf("%s: %v %q", name, err, out)
		}
		if err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
		if row.want == "reported" && !errors.Is(err, ErrReported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Fields are sent as they are named: one that is named twice has both values, and Host is whom the
// call is for.
func TestTrySendsWhatIsNamed(t *testing.T) {
	t.Parallel()
	var got *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	t.Cleanup(s.Close)
	_, _, err := command(t, "", "try", "--url", s.URL, "-d", "x", "-H", "X-Tag: one", "-H", "x-tag: two", "-H", "host: orders.example", "-H", "Content-Type: text/plain")
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != "orders.example" || !slices.Equal(got.Header.Values("X-Tag"), []string{"one", "two"}) || !slices.Equal(got.Header.Values("Content-Type"), []string{"text/plain"}) {
		t.Errorf("sent to %s with %v", got.Host, got.Header)
	}
}
