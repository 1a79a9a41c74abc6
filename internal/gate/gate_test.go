package gate

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func newGate(t testing.TB, modify func(*routeconfig.Route)) *Gate {
	t.Helper()
	route := testkit.Route("orders", nil, modify)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "callers", map[string]string{
		"till": "till-old\ntill-new\n", "web": "web-key", "allowedHosts": "example.com\n", "crlf": "crlf-key\r\n"})
	secrets.Mount(testkit.Namespace, "users", map[string]string{"auth": line(t, "ada", "secret") + line(t, "bob", "a:b:")})
	var limiters []*Limiter
	for _, config := range route.RateLimits {
		limiters = append(limiters, NewLimiter(config, testKey(t, config.Expression)))
	}
	g, err := New(Options{Config: &route, Store: creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), Limiters: limiters, Via: "fanout-x", Hashing: NewHashing()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// admit sends a request line to the gate, with fields.
func admit(g *Gate, method, target string, modify ...func(*http.Request)) (*fanout.Call, *Refusal, known) {
	r := httptest.NewRequest(method, "/", nil)
	r.RequestURI, r.RemoteAddr = target, "10.0.0.1:1234"
	for _, m := range modify {
		m(r)
	}
	v := Guest{Writer: httptest.NewRecorder(), Request: r, Client: g.Client(r), Memory: testkit.Account()}
	a, refusal := g.Admit(&v)
	if refusal != nil {
		return nil, refusal, known{v.Client, refusal.Caller}
	}
	return &a.Call, nil, known{a.Call.Client, a.Call.Caller}
}

// known is what is known of who calls, admitted or not.
type known struct {
	Client netip.Addr
	Caller string
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func TestMatching(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(r *routeconfig.Route) {
		r.Listener.Matches = []routeconfig.Match{
			{Path: "/orders", Methods: []string{"POST", "PUT"}}, {Path: "/orders/archive/"}, {Path: "/exact", Exact: true, Methods: []string{"GET"}},
			{Path: "/exact", Methods: []string{"DELETE"}},
		}
	})
	for _, row := range []struct {
		method, target string
		status         int
		prefix         string
		allow          string
	}{
		{"POST", "/orders", 0, "/orders", ""}, {"PUT", "/orders/1?x=/", 0, "/orders", ""},
		{"POST", "/orders-1", 404, "", ""}, {"POST", "/", 404, "", ""}, {"POST", "/Orders", 404, "", ""},
		{"GET", "/orders/1", 405, "", "POST, PUT"}, {"GET", "/orders/archive", 0, "/orders/archive", ""},
		{"DELETE", "/orders/archive/x", 0, "/orders/archive", ""}, {"GET", "/exact", 0, "/exact", ""},
		{"DELETE", "/exact", 0, "/exact", ""}, {"GET", "/exact/x", 405, "", "DELETE"}, {"POST", "/exact", 405, "", "DELETE, GET"},
		{"TRACE", "/orders", 405, "", "POST, PUT"}, {"TRACE", "/none", 405, "", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"},
		{"CONNECT", "shop:80", 405, "", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"}, {"OPTIONS", "*", 400, "", ""}, {"GET", "/%6Frders", 404, "", ""},
		{"POST", "http://shop.example.com/orders/1?q", 0, "/orders", ""}, {"POST", "http://shop.example.com", 404, "", ""},
		{"POST", "http://shop.example.com?/orders", 404, "", ""},
	} {
		call, refusal, _ := admit(g, row.method, row.target)
		if row.status == 0 {
			if refusal != nil || call.Path[:call.Prefix] != row.prefix {
				t.Errorf("%s %s: %+v, want it in with prefix %q", row.method, row.target, refusal, row.prefix)
			}
			continue
		}
		if refusal == nil || refusal.Status != row.status || row.allow != "" && (refusal.Field != "Allow" || refusal.Values[0] != row.allow) {
			t.Errorf("%s %s: %+v, want %d %s", row.method, row.target, refusal, row.status, row.allow)
		}
	}
}

// M3: receivers that cut a target at # see another path than we do: there is none in HTTP.
func TestM3FragmentsAreRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(*routeconfig.Route) {})
	for _, target := range []string{"/#", "/..#x", "/a#/../b", "/a?x#y", "/a?#", "#", "#/a", "http://shop/..#x", "http://shop#x", "http://shop#/../a", "http://shop?#"} {
		for _, method := range []string{"GET", "OPTIONS", "TRACE"} {
			if _, refusal, _ := admit(g, method, target); refusal == nil || refusal.Status != 400 {
				t.Errorf("%s %s: %+v, want 400", method, target, refusal)
			}
		}
	}
	if _, refusal, _ := admit(g, "GET", "/a%23b?c%23"); refusal != nil {
		t.Errorf("an encoded one: %+v", refusal)
	}
}

func TestEveryMethodButTwoByDefault(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(*routeconfig.Route) {})
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		if _, refusal, _ := admit(g, method, "/x"); refusal != nil {
			t.Errorf("%s: %+v", method, refusal)
		}
	}
	for _, method := range []string{"TRACE", "BREW"} {
		if _, refusal, _ := admit(g, method, "/x"); refusal == nil || refusal.Status != 405 {
			t.Errorf("%s: %+v, want 405", method, refusal)
		}
	}
}

func TestCallersAreKnownByTheirKeys(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "x-api-key"}}
	})
	for key, want := range map[string]string{
		"till-old": "till", "till-new": "till", "web-key": "web", "crlf-key": "crlf", "till-old\ntill-new": "", "": "", "TILL-OLD": "", "web-key ": "",
		"example.com": "",
	} {
		_, refusal, v := admit(g, "GET", "/", with("X-API-Key", key))
		if v.Caller != want || (refusal == nil) != (want != "") {
			t.Errorf("key %q is caller %q (%+v), want %q", key, v.Caller, refusal, want)
		}
	}
	if _, refusal, _ := admit(g, "GET", "/"); refusal == nil || refusal.Status != 401 || !strings.Contains(refusal.Values[0], "X-Api-Key") {
		t.Errorf("without a key: %+v, want 401 that names the field", refusal)
	}
	if _, refusal, _ := admit(g, "GET", "/", with("X-API-Key", "web-key"), with("X-API-Key", "till-old")); refusal == nil {
		t.Error("two keys were admitted: whose call is it?")
	}
	g = newGate(t, func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "none", Header: "X-API-Key"}}
	})
	if _, refusal, _ := admit(g, "GET", "/", with("X-API-Key", "")); refusal == nil {
		t.Error("an empty key was admitted where the Secret is missing")
	}
}

func TestClientIP(t *testing.T) {
	t.Parallel()
	g := trusting(t)
	for _, row := range []struct {
		peer string
		xff  []string
		want string
	}{
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"1.1.1.1"}, "1.1.1.1"},
		{"10.0.0.1:1", []string{"6.6.6.6, 1.1.1.1"}, "1.1.1.1"},
		{"10.0.0.1:1", []string{"6.6.6.6", "1.1.1.1, 10.9.9.9"}, "1.1.1.1"},
		{"10.0.0.1:1", []string{"1.1.1.1, evil"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"1.1.1.1:99"}, "1.1.1.1"},
		{"10.0.0.1:1", []string{"[2001:db8::1]:99"}, "2001:db8::1"},
		{"10.0.0.1:1", []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
		{"9.9.9.9:1", []string{"1.1.1.1"}, "9.9.9.9"},
		{"[::ffff:10.0.0.1]:1", []string{"1.1.1.1"}, "1.1.1.1"},
		{"[fd00::1%eth0]:1", []string{"2001:db8::2"}, "2001:db8::2"},
	} {
		_, _, v := admit(g, "GET", "/", func(r *http.Request) { r.RemoteAddr, r.Header["X-Forwarded-For"] = row.peer, row.xff })
		if v.Client.String() != row.want {
			t.Errorf("%s behind %q is %v, want %s", row.peer, row.xff, v.Client, row.want)
		}
	}
	g = newGate(t, func(*routeconfig.Route) {})
	if _, _, v := admit(g, "GET", "/", with("X-Forwarded-For", "1.1.1.1")); v.Client.String() != "10.0.0.1" {
		t.Errorf("without trusted networks the client is %v", v.Client)
	}
}

// Limits by address come before authentication, so that nobody guesses keys for
// free; those by field after, so that nobody empties another's bucket without one.
func TestOrderOfLimits(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(r *routeconfig.Route) {
		r.Authentication = &routeconfig.Authentication{APIKeys: &routeconfig.CallerAPIKeys{Secret: "callers", Header: "X-API-Key"}}
		r.RateLimits = []routeconfig.RateLimit{
			{Name: "by-tenant", Requests: 1, Burst: 1, Per: testkit.Span(3600e9), Key: routeconfig.KeyHeader, Header: "X-Tenant"},
			{Name: "by-client", Requests: 3, Burst: 3, Per: testkit.Span(3600e9), Key: routeconfig.KeyClientIP},
		}
	})
	var got []int
	for _, key := range []string{"wrong", "web-key", "web-key", "web-key"} {
		_, refusal, _ := admit(g, "GET", "/", with("X-API-Key", key), with("X-Tenant", "a"))
		status := 200
		if refusal != nil {
			status = refusal.Status
		}
		got = append(got, status)
	}
	if want := []int{401, 200, 429, 429}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	g := newGate(t, func(r *routeconfig.Route) { r.Validation.ContentTypes = []string{"application/json", "Text/CSV"} })
	body := func(content, contentType string, chunked bool) func(*http.Request) {
		return func(r *http.Request) {
			fresh := httptest.NewRequest("POST", "/", strings.NewReader(content))
			r.Body, r.ContentLength = fresh.Body, fresh.ContentLength
			if chunked {
				r.ContentLength = -1
			}
			for line := range strings.Lines(contentType) {
				r.Header.Add("Content-Type", strings.TrimSuffix(line, "\n"))
			}
		}
	}
	for _, row := range []struct {
		content, contentType string
		want                 int
	}{
		{"{}", "application/json", 0}, {"{}", "Application/JSON; charset=utf-8", 0}, {"a,b", "text/csv", 0},
		{"{}", "", 415}, {"{}", "text/plain", 415}, {"{}", ";", 415}, {"", "text/plain", 0}, {"", "", 0},
		{"{}", "application/json\ntext/plain", 415}, {"{}", "application/json\napplication/json", 415}, // nobody knows which one counts
	} {
		for _, chunked := range []bool{false, true} {
			_, refusal, _ := admit(g, "POST", "/", body(row.content, row.contentType, chunked))
			if status := statusOf(refusal); status != row.want {
				t.Errorf("%q of type %q, chunked %v: %d, want %d", row.content, row.contentType, chunked, status, row.want)
			}
		}
	}
}

func statusOf(r *Refusal) int {
	if r == nil {
		return 0
	}
	return r.Status
}
