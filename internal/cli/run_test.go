package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// running is fanoutctl run under way.
type running struct {
	t      *testing.T
	lines  *bufio.Scanner
	stderr *testkit.Log
	ready  map[string]string
	stop   context.CancelFunc
	ended  chan error
}

func start(t *testing.T, stdin string, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	r := &running{t: t, lines: bufio.NewScanner(out), stderr: &testkit.Log{}, ready: map[string]string{}, stop: stop, ended: make(chan error, 1)}
	root := New(strings.NewReader(stdin), in, r.stderr)
	root.SetArgs(append([]string{"run"}, args...))
	go func() {
		err := root.ExecuteContext(ctx)
		in.Close()
		r.ended <- err
	}()
	t.Cleanup(func() {
		stop()
		for r.lines.Scan() { // until the command has ended
		}
	})
	return r
}

// await reads ready lines until it has those of so many routes.
func (r *running) await(n int) {
	r.t.Helper()
	for len(r.ready) < n && r.lines.Scan() {
		word, rest, _ := strings.Cut(r.lines.Text(), " ")
		route, url, ok := strings.Cut(rest, " ")
		if word != "route" || !ok {
			r.t.Fatalf("line %q is no ready line", r.lines.Text())
		}
		r.ready[route] = url
	}
	if len(r.ready) < n {
		r.t.Fatalf("%d routes are ready, want %d: %v\n%s", len(r.ready), n, <-r.ended, r.stderr)
	}
}

func post(t *testing.T, url, body string) (int, string, http.Header) {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(content), response.Header
}

// freePort is one that nobody is given who asks for any.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 15_000 + rand.IntN(15_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func manifest(namespace, name string, port int, backends string) string {
	return fmt.Sprintf("apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {name: %s, namespace: %s}\n"+
		"spec:\n  listener: {port: %d}\n  response: {type: Group}\n  backends:\n%s---\n", name, namespace, port, backends)
}

func TestRunServesEveryRouteOnItsOwnPort(t *testing.T) {
	t.Parallel()
	one := testkit.NewBackend(t, testkit.Respond(200, "application/json", `{"from":"one"}`))
	two := testkit.NewBackend(t, testkit.Respond(200, "application/json", `{"from":"two"}`))
	port, adminPort := freePort(t), freePort(t)
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData: {key: hidden}\n---\n"
	r := start(t, secret+
		manifest("shop", "orders", port, "  - {name: a, url: '"+one.URL+"', authentication: {type: APIKey, apiKey: {secretName: s, key: key, header: X-K}}}\n")+
		manifest("lab", "orders", port, "  - {name: a, service: {name: api, port: 80}}\n"),
		"-f", "-", "--admin", fmt.Sprintf("127.0.0.1:%d", adminPort), "--resolve", "lab/api:80="+strings.TrimPrefix(two.URL, "http://"))
	r.await(2)
	if r.ready["shop/orders"] == r.ready["lab/orders"] {
		t.Errorf("both routes are at %s: a taken port falls back to a free one", r.ready["lab/orders"])
	}
	for route, want := range map[string]string{"shop/orders": `{"a":{"from":"one"}}`, "lab/orders": `{"a":{"from":"two"}}`} {
		if code, body, _ := post(t, r.ready[route], "{}"); code != 200 || body != want {
			t.Errorf("%s answered %d %s, want %s", route, code, body, want)
		}
	}
	if got := one.Last(t).Header.Get("X-K"); got != "hidden" {
		t.Errorf("the API key is %q", got)
	}
	if got := two.Last(t).Host; got != "api.lab.svc:80" {
		t.Errorf("a Service's Host is %q: --resolve changes what is dialled, not what is asked for", got)
	}
	testkit.Eventually(t, "the admin port, which opens last, answers", func() bool {
		_, _, err := command(t, "", "stat", "--admin", fmt.Sprintf("http://127.0.0.1:%d", adminPort))
		return err == nil
	})
	out, _, err := command(t, "", "stat", "--admin", fmt.Sprintf("http://127.0.0.1:%d", adminPort), "--window", "1m")
	if err != nil || !strings.Contains(out, "shop/orders  a        100%") {
		t.Errorf("stat printed %q (%v)", out, err)
	}
	out, _, err = command(t, "", "stat", "lab/orders", "-o", "json", "--admin", fmt.Sprintf("http://127.0.0.1:%d", adminPort))
	if err != nil || strings.Contains(out, "shop") || !strings.Contains(out, `"succeeded": 1`) {
		t.Errorf("stat printed %q (%v)", out, err)
	}
	if _, _, err := command(t, "", "stat", "lab/none", "--admin", fmt.Sprintf("http://127.0.0.1:%d", adminPort)); err == nil {
		t.Error("stat of a route that is not there was no error")
	}
	if strings.Contains(r.stderr.String(), "hidden") {
		t.Error("a secret is in the log")
	}
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestRunRefusesBadManifests(t *testing.T) {
	t.Parallel()
	out, errOut, err := command(t, "", "run", "-f", write(t, "f.yaml", manifest("shop", "orders", 70000, "  - {name: a}\n")), "--admin", "")
	if err == nil || out != "" || strings.Count(errOut, "f.yaml: FanoutRoute shop/orders: spec.") < 1 {
		t.Errorf("printed %q and %q (%v)", out, errOut, err)
	}
	for _, resolve := range []string{"x", "a/b=c:1", "a/b:1=c", "/b:1=c:1"} {
		if _, _, err := command(t, good, "run", "-f", "-", "--resolve", resolve); err == nil || !strings.Contains(err.Error(), "--resolve") {
			t.Errorf("--resolve %q: %v", resolve, err)
		}
	}
	if _, _, err := command(t, "", "run", "-f", filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a file that is not there was no error")
	}
}

func TestRunWithoutItsSecretServes(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	r := start(t, manifest("shop", "orders", freePort(t),
		"  - {name: a, url: '"+b.URL+"', authentication: {type: Bearer, bearer: {secretName: none}}}\n"), "-f", "-", "--admin", "")
	r.await(1)
	code, _, h := post(t, r.ready["shop/orders"], "{}")
	if code != 502 || !strings.Contains(h.Get("Fanout-Backends"), "reason=credential") || b.Count() > 0 {
		t.Errorf("answered %d %s", code, h.Get("Fanout-Backends"))
	}
}

func TestWatchTakesGoodEditsAndKeepsTheLastGoodState(t *testing.T) {
	t.Parallel()
	one := testkit.NewBackend(t, testkit.Respond(200, "application/json", `1`))
	folder, port := t.TempDir(), freePort(t)
	file := filepath.Join(folder, "routes.yaml")
	save := func(content string) {
		t.Helper()
		if err := os.WriteFile(file+".tmp", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".tmp", file); err != nil {
			t.Fatal(err)
		}
	}
	route := func(backend string) string {
		return manifest("shop", "orders", port, "  - {name: "+backend+", url: '"+one.URL+"'}\n")
	}
	save(route("before"))
	r := start(t, "", "-f", folder, "--admin", "", "--watch")
	r.await(1)
	answer := func() string {
		_, body, _ := post(t, r.ready["shop/orders"], "{}")
		return body
	}
	if got := answer(); got != `{"before":1}` {
		t.Fatalf("answered %s", got)
	}
	save(route("Bad Name"))
	testkit.Eventually(t, "the bad edit is reported", func() bool { return strings.Contains(r.stderr.String(), "spec.backends[0].name") })
	testkit.Eventually(t, "it is said what is served meanwhile", func() bool {
		return strings.Contains(r.stderr.String(), "fanoutctl: the last good manifests are served on\n")
	})
	if got := answer(); got != `{"before":1}` {
		t.Errorf("after a bad edit: %s", got)
	}
	save(route("after"))
	testkit.Eventually(t, "the good edit is served", func() bool { return answer() == `{"after":1}` })
	if !strings.Contains(r.stderr.String(), "fanoutctl: the manifests are good again, and taken over\n") {
		t.Errorf("nothing says that it is: %s", r.stderr.String())
	}
	save(route("after") + manifest("lab", "more", freePort(t), "  - {name: a, url: '"+one.URL+"'}\n"))
	r.await(2)
	if _, body, _ := post(t, r.ready["lab/more"], "{}"); body != `{"a":1}` {
		t.Errorf("the new route answered %s", body)
	}
}

func TestCtrlCDrains(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := testkit.NewBackend(t, func(http.ResponseWriter, *http.Request) { <-release })
	r := start(t, manifest("shop", "orders", freePort(t), "  - {name: a, url: '"+b.URL+"'}\n"), "-f", "-", "--admin", "")
	r.await(1)
	got := make(chan int, 1)
	go func() {
		code, _, _ := post(t, r.ready["shop/orders"], "{}")
		got <- code
	}()
	testkit.Eventually(t, "the call is under way", func() bool { return b.Count() == 1 })
	r.stop()
	select {
	case err := <-r.ended:
		t.Errorf("ended with a call under way: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	if code := <-got; code != 200 {
		t.Errorf("the call under way got %d", code)
	}
}

// P7: under --watch routes swap their ports and keep them, and one whose port is somebody
// else's says so, listens elsewhere and moves when it can.
func TestP7WatchGivesRoutesTheirPorts(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", `1`))
	folder, one, two := t.TempDir(), freePort(t), freePort(t)
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	third := foreign.Addr().(*net.TCPAddr).Port
	save := func(a, b2, c int) {
		t.Helper()
		content := ""
		for name, port := range map[string]int{"a": a, "b": b2, "c": c} {
			content += manifest("shop", name, port, "  - {name: "+name+", url: '"+b.URL+"'}\n")
		}
		if err := os.WriteFile(filepath.Join(folder, "r.tmp"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(folder, "r.tmp"), filepath.Join(folder, "r.yaml")); err != nil {
			t.Fatal(err)
		}
	}
	save(one, two, third)
	r := start(t, "", "-f", folder, "--admin", "", "--watch")
	r.await(3)
	url := func(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }
	if r.ready["shop/a"] != url(one) || r.ready["shop/b"] != url(two) || r.ready["shop/c"] == url(third) {
		t.Fatalf("ready are %v", r.ready)
	}
	said := fmt.Sprintf("route shop/c cannot have port %d (", third)
	if n := strings.Count(r.stderr.String(), said); n != 1 {
		t.Errorf("said %d times:\n%s", n, r.stderr)
	}
	moved := func(n int) map[string]string {
		t.Helper()
		r.ready = map[string]string{}
		r.await(n)
		return r.ready
	}
	save(two, one, third)
	if got := moved(2); got["shop/a"] != url(two) || got["shop/b"] != url(one) {
		t.Errorf("after the swap: %v", got)
	}
	for port, want := range map[int]string{one: `{"b":1}`, two: `{"a":1}`} {
		if _, body, _ := post(t, url(port), "{}"); body != want {
			t.Errorf("port %d answered %s, want %s", port, body, want)
		}
	}
	foreign.Close()
	if got := moved(1); got["shop/c"] != url(third) {
		t.Errorf("once the port is free: %v", got)
	}
	if n := strings.Count(r.stderr.String(), said); n != 1 {
		t.Errorf("said %d times:\n%s", n, r.stderr)
	}
	save(two, one, one) // of two that want one port, one has it
	got := moved(1)
	testkit.Eventually(t, "who has it is said", func() bool { return strings.Contains(r.stderr.String(), "route shop/b has it") })
	if got["shop/c"] == url(one) || got["shop/c"] == "" {
		t.Errorf("of two that want one port: %v", got)
	}
}

// Q6: run serves a route with generateName, and one whose Secret is encrypted, without it.
func TestQ6RunServesBesideWhatIsEncrypted(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	route := fmt.Sprintf("apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {generateName: orders-, namespace: shop}\n"+
		"spec: {listener: {port: %d}, backends: [{name: one, url: %q}]}\n", freePort(t), b.URL)
	r := start(t, route+"---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\ndata: {k: 'ENC[x]'}\nsops: {mac: 'ENC[y]'}\n",
		"-f", "-", "--admin", "")
	r.await(1)
	if status, body, _ := post(t, r.ready["shop/orders-00001"], "{}"); status != http.StatusOK {
		t.Errorf("answered %d: %s", status, body)
	}
	if !strings.Contains(r.stderr.String(), "note: -: Secret shop/s: encrypted by SOPS") {
		t.Errorf("printed %s", r.stderr)
	}
}
