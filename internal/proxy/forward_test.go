package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

func request(modify func(*routeconfig.Request)) func(*routeconfig.Backend) {
	return func(b *routeconfig.Backend) { modify(&b.Request) }
}

func forward(r *routeconfig.Request) { r.Path = routeconfig.PathForward }

// Case B1 of the field.
func TestB1BackendsShareNothing(t *testing.T) {
	t.Parallel()
	var wrong sync.Map
	check := func(name string) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			id := r.Header.Get("X-Id")
			if r.URL.Path != "/"+name+"/orders/"+id || r.Header.Get("X-Backend") != name || string(body) != "body "+id || r.Method != "PUT" {
				wrong.Store(fmt.Sprintf("%s got %s %s, X-Backend %q, %q", name, r.Method, r.URL.Path, r.Header.Get("X-Backend"), body), true)
			}
		}
	}
	var asked []*testkit.Backend
	receiver := func(name string) routeconfig.Backend {
		b := testkit.NewBackend(t, check(name))
		asked = append(asked, b)
		return testkit.Receiver(name, b.URL+"/"+name, request(func(r *routeconfig.Request) {
			r.Path, r.Method = routeconfig.PathForward, "PUT"
			r.SetHeaders = []routeconfig.NameValue{{Name: "X-Backend", Value: name}}
		}))
	}
	p := proxytest.Serve(t, proxy.Options{AccessLogSample: 1000},
		testkit.Route("orders", testkit.Receivers(receiver("one"), receiver("two"), receiver("three"))))
	const workers, each = 16, 625
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				if r := p.Do("POST", "orders", "/orders/"+id, "body "+id, "X-Id", id); r.Header.Get("Fanout-Outcome") != "complete" {
					t.Errorf("call %s: %d %s", id, r.Status, r.Body)
				}
			}
		})
	}
	running.Wait()
	wrong.Range(func(what, _ any) bool {
		t.Error(what)
		return true
	})
	for i, b := range asked {
		if n := p.Answers("orders", i).Succeeded; n != workers*each || b.Count() != workers*each {
			t.Errorf("backend %d: %d answers counted, %d requests, want %d", i, n, b.Count(), workers*each)
		}
	}
}

// Cases B3, F3 of the field.
func TestB3F3BodiesArriveWhole(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		failing := true
		one := testkit.NewBackend(t, nil)
		two := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			if failing = !failing; !failing {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		retries := func(b *routeconfig.Backend) {
			b.Retry = &routeconfig.Retry{Attempts: 2, Methods: routeconfig.RetryAll, RetryOn: []string{"503"}, BudgetPercent: 100}
		}
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", one.URL), testkit.Receiver("two", two.URL, retries))))
		random := rand.New(rand.NewPCG(1, 2))
		for _, size := range []int{0, 1, 4095, 4096, 4097, 70_000, 1 << 20} {
			for _, chunked := range []bool{false, true} {
				body := make([]byte, size)
				for i := range body {
					body[i] = byte(random.Uint32())
				}
				var reader io.Reader = bytes.NewReader(body)
				if chunked {
					reader = io.MultiReader(reader) // net/http cannot tell its length
				}
				r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+p.Address("orders")+"/", reader)
				if response := p.Send(r); response.Status != 200 {
					t.Fatalf("%d bytes, chunked %v: %d %s", size, chunked, response.Status, response.Body)
				}
				seen := two.Seen()
				for _, got := range []testkit.Request{one.Last(t), seen[len(seen)-1], seen[len(seen)-2]} {
					if sha256.Sum256(got.Body) != sha256.Sum256(body) || got.ContentLength != int64(size) {
						t.Errorf("%d bytes, chunked %v: a backend got %d, announced %d", size, chunked, len(got.Body), got.ContentLength)
					}
				}
			}
		}
	})
}

// Cases B5, B9 of the field.
func TestB5B9Limits(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)),
		func(r *routeconfig.Route) { r.Validation.MaxBodySize = 100 }))
	send := func(method string, size int, chunked bool, protocol string) int {
		var body io.Reader = strings.NewReader(strings.Repeat("x", size))
		if chunked {
			body = io.MultiReader(body)
		} else if size == 0 {
			body = nil
		}
		r, _ := http.NewRequestWithContext(t.Context(), method, "http://"+p.Address("orders")+"/", body)
		if protocol == "HTTP/1.1" {
			return p.Send(r).Status
		}
		h2c := new(http.Protocols)
		h2c.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: h2c}
		defer transport.CloseIdleConnections()
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.ProtoMajor != 2 {
			t.Errorf("answered over %s, want HTTP/2", response.Proto)
		}
		return response.StatusCode
	}
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		for _, method := range []string{"GET", "HEAD", "DELETE", "POST"} {
			for _, chunked := range []bool{false, true} {
				if got := send(method, 0, chunked, protocol); got != 200 {
					t.Errorf("%s without a body over %s, chunked %v: %d", method, protocol, chunked, got)
				}
			}
		}
		for size, want := range map[int]int{99: 200, 100: 200, 101: 413} {
			for _, chunked := range []bool{false, true} {
				if got := send("POST", size, chunked, protocol); got != want {
					t.Errorf("%d of 100 bytes over %s, chunked %v: %d, want %d", size, protocol, chunked, got, want)
				}
			}
		}
	}
	if refused := p.Calls("orders").Refused; refused != 4 {
		t.Errorf("%d calls counted as refused, want 4", refused)
	}
}

// Case B7 of the field.
func TestB7NoBodyNoFieldsOfOne(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		b := testkit.NewBackend(t, nil)
		for name, modify := range map[string]func(*routeconfig.Request){
			"body None": func(r *routeconfig.Request) { r.DropBody = true },
			"GET":       func(r *routeconfig.Request) { r.Method = "GET" },
		} {
			p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, request(modify)))))
			p.Do("POST", "orders", "/", `{"a":1}`, "Content-Type", "application/json", "Content-Encoding", "identity")
			got := b.Last(t)
			if len(got.Body) > 0 || got.ContentLength > 0 || len(got.TransferEncoding) > 0 {
				t.Errorf("%s: body %q, announced %d, %v", name, got.Body, got.ContentLength, got.TransferEncoding)
			}
			for field := range got.Header {
				if strings.HasPrefix(field, "Content-") && (field != "Content-Length" || got.Header.Get(field) != "0") {
					t.Errorf("%s: %s: %s is left behind", name, field, got.Header.Get(field))
				}
			}
		}
	})
}

// Case B11 of the field.
func TestB11EachBackendItsOwnHost(t *testing.T) {
	t.Parallel()
	own, value, forwarded := testkit.NewBackend(t, nil), testkit.NewBackend(t, nil), testkit.NewBackend(t, nil)
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("own", own.URL),
		testkit.Receiver("value", value.URL, request(func(r *routeconfig.Request) { r.Host = "api.internal" })),
		testkit.Receiver("forwarded", forwarded.URL, request(func(r *routeconfig.Request) { r.ForwardHost = true })),
	)))
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.Address("orders")+"/", nil)
	r.Host = "shop.example.com"
	p.Send(r)
	for want, got := range map[string]string{
		strings.TrimPrefix(own.URL, "http://"): own.Last(t).Host,
		"api.internal":                         value.Last(t).Host, "shop.example.com": forwarded.Last(t).Host,
	} {
		if got != want {
			t.Errorf("Host is %q, want %q", got, want)
		}
	}
}

// raw sends a request-target that no client library would, and returns the status.
func raw(t testing.TB, address, target string) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n", target)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("target %q: %v", target, err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// Cases C3, C4 of the field.
func TestC3C4TargetBytes(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		b := testkit.NewBackend(t, nil)
		p := proxytest.Serve(t, o,
			testkit.Route("forward", testkit.Receivers(testkit.Receiver("one", b.URL+"/base/", request(forward)))),
			testkit.Route("replace", testkit.Receivers(testkit.Receiver("one", b.URL+"/base", request(func(r *routeconfig.Request) {
				r.Path = routeconfig.PathReplacePrefix
			}))), func(r *routeconfig.Route) {
				r.Listener.Matches = []routeconfig.Match{{Path: "/v1/"}, {Path: "/v1/orders"}}
			}),
			testkit.Route("url", testkit.Receivers(testkit.Receiver("one", b.URL+"/base/x"))),
			testkit.Route("root", testkit.Receivers(testkit.Receiver("one", b.URL, request(forward)))),
			testkit.Route("rules", testkit.Receivers(testkit.Receiver("one", b.URL, request(func(r *routeconfig.Request) {
				r.Path, r.RemoveQuery = routeconfig.PathForward, []string{"drop me"}
				r.SetQuery = []routeconfig.NameValue{{Name: "set", Value: "a b/c"}}
			})))),
			testkit.Route("drop", testkit.Receivers(testkit.Receiver("one", b.URL, request(func(r *routeconfig.Request) { r.DropQuery = true })))),
		)
		for _, row := range []struct{ route, sent, want string }{
			{"forward", "/a%2Fb|x?q=1%20+2&q=%2F/", "/base/a%2Fb|x?q=1%20+2&q=%2F/"},
			{"forward", "/%252F/%25/;p=1/a%20b", "/base/%252F/%25/;p=1/a%20b"},
			{"forward", "/", "/base/"},
			{"forward", "//x//y/", "/base//x//y/"},
			{"forward", "/?", "/base/?"},
			{"forward", "/x?z=1&a=2&z=0&&=&c", "/base/x?z=1&a=2&z=0&&=&c"},
			{"forward", "/a..b/...", "/base/a..b/..."},
			{"forward", "/..", ""}, {"forward", "/a/../b", ""}, {"forward", "/a/%2e%2E/b", ""}, {"forward", "/./a", ""},
			{"forward", "/a/..%2fb", ""}, {"forward", "/a/..%5cb", ""}, {"forward", `/a/..\b`, ""}, {"forward", "/..;x/b", ""},
			{"replace", "/v1/orders", "/base"}, {"replace", "/v1/orders/", "/base/"}, {"replace", "/v1/orders/1%2F2?a", "/base/1%2F2?a"},
			{"replace", "/v1/other/1", "/base/other/1"}, {"replace", "/v1", "/base"}, {"replace", "/v1/orders//evil", "/base//evil"},
			{"replace", "/v1/orders/..", ""},
			{"url", "/anything/../%2e?x=1", "/base/x?x=1"}, {"url", "/", "/base/x"},
			{"root", "//evil.example.com/x", "//evil.example.com/x"}, {"root", "//evil|x", ""}, {"root", "/a?x", "/a?x"},
			{"rules", "/p?a=%20&drop+me=1&drop%20me&b=+", "/p?a=%20&b=+&set=a+b%2Fc"}, {"rules", "/p?set=1&set=2&c=3", "/p?c=3&set=a+b%2Fc"},
			{"drop", "/p?a=1", "/"},
		} {
			before := b.Count()
			got, code := "", raw(t, p.Address(row.route), row.sent)
			if seen := b.Seen(); len(seen) > before {
				got = seen[len(seen)-1].Target
			}
			if got != row.want || (row.want == "") != (code == 400) {
				t.Errorf("%s of %q: status %d, the backend got %q, want %q", row.route, row.sent, code, got, row.want)
			}
		}
	})
}

// Whatever a server takes for a target, the backend gets it byte for byte below
// its base, or the call is refused.
//
// Case C4 of the field.
func FuzzC4TargetBytes(f *testing.F) {
	for _, seed := range []string{"/", "/a%2Fb", "//x", "/a/../b", "/%2e%2e/", "/a?b=%20&c", "/?", "/;a", "/a|b\"<>^`{}", "/\xff", "/%", "/%zz"} {
		f.Add(seed)
	}
	b := testkit.NewBackend(f, nil)
	p := proxytest.Serve(f, proxy.Options{AccessLogSample: 1 << 30},
		testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL+"/base", request(forward)))))
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \t\r\n") || len(target) > 1000 {
			t.Skip("no target of a request line")
		}
		before := b.Count()
		code := raw(t, p.Address("orders"), target)
		if code == 200 && b.Last(t).Target != "/base"+target {
			t.Errorf("sent %q, the backend got %q", target, b.Last(t).Target)
		}
		if code != 200 && (code != 400 || b.Count() > before) {
			t.Errorf("sent %q: status %d, the backend was asked %d times", target, code, b.Count()-before)
		}
	})
}

func TestFieldsThatPassAndThoseThatDoNot(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		b := testkit.NewBackend(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
			w.Header().Set("Fanout-Backends", "forged")
			_, _ = io.WriteString(w, "{}")
		})
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", b.URL, request(func(r *routeconfig.Request) { r.ForwardCredentials = []string{"Cookie"} })),
			testkit.Receiver("two", b.URL, request(func(r *routeconfig.Request) { r.RemoveHeaders = []string{"x-debug"} }))),
			func(r *routeconfig.Route) { r.Response.HeadersFromBackends = []string{"Set-Cookie"} }))
		r := p.Do("POST", "orders", "/", "{}", "X-Tenant", "a", "X-Tenant", "b", "X-Debug", "1", "Authorization", "Bearer mine",
			"Cookie", "c=1", "X-Forwarded-For", "1.2.3.4", "Forwarded", "for=x", "X-Real-Ip", "1", "Fanout-Outcome", "x", "Connection", "X-Hop",
			"X-Hop", "1", "Te", "trailers", "If-None-Match", "x", "Range", "bytes=0-1", "Accept-Encoding", "gzip", "Upgrade", "h2c", "X-Request-Id", "id-1")
		if got := r.Header["Set-Cookie"]; len(got) != 4 {
			t.Errorf("Set-Cookie lines are %q, want two of each backend (A7)", got)
		}
		if r.Header.Get("X-Request-Id") != "id-1" || strings.Contains(r.Header.Get("Fanout-Backends"), "forged") {
			t.Errorf("response has %v", r.Header)
		}
		seen := b.Seen()
		for _, got := range seen {
			for _, field := range []string{"Authorization", "X-Forwarded-For", "Forwarded", "X-Real-Ip", "Fanout-Outcome", "X-Hop", "Te", "If-None-Match", "Range", "Upgrade"} {
				if _, ok := got.Header[field]; ok {
					t.Errorf("a backend got %s: %s", field, got.Header.Get(field))
				}
			}
			if len(got.Header["X-Tenant"]) != 2 || got.Header.Get("Accept-Encoding") != "identity" || got.Header.Get("X-Request-Id") != "id-1" {
				t.Errorf("a backend got %v", got.Header)
			}
		}
		cookies, debugs := 0, 0
		for _, got := range seen {
			cookies += len(got.Header["Cookie"])
			debugs += len(got.Header["X-Debug"])
		}
		if cookies != 1 || debugs != 1 {
			t.Errorf("%d backends got the cookie and %d X-Debug, want one each", cookies, debugs)
		}
	})
}

func TestLoopsAreCut(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "http://127.0.0.1:1"))))
	p.Load(testkit.Route("orders", testkit.Receivers(testkit.Receiver("itself", "http://"+p.Address("orders")))))
	r := p.Do("GET", "orders", "/", "")
	if r.Status != 502 || !strings.Contains(r.Header.Get("Fanout-Backends"), "status=508") {
		t.Errorf("a route that is its own backend answered %d %s", r.Status, r.Header.Get("Fanout-Backends"))
	}
}
