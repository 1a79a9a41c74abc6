package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// page is fanoutctl dash under way; the address is where it says that it is.
func page(t *testing.T, args ...string) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	root := New(strings.NewReader(""), in, &testkit.Log{})
	root.SetArgs(append([]string{"dash", "--port", "0"}, args...))
	ended := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("it printed nothing: %v", lines.Err())
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	address, ok := strings.CutPrefix(lines.Text(), "page http://")
	if !ok || !strings.HasPrefix(address, "127.0.0.1:") {
		t.Fatalf("it printed %q", lines.Text())
	}
	return strings.TrimSuffix(address, "/")
}

func fetchPage(t *testing.T, address, path, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// The page is on loopback, under its own name alone, and shows a standalone proxy where --admin
// names one.
func TestDashServesAPageOnLoopback(t *testing.T) {
	t.Parallel()
	port, adminPort := freePort(t), freePort(t)
	r := start(t, manifest("shop", "orders", port, "  - {name: a, url: '"+testkit.NewBackend(t, nil).URL+"'}\n"),
		"-f", "-", "--admin", fmt.Sprintf("127.0.0.1:%d", adminPort))
	r.await(1)
	address := page(t, "--admin", fmt.Sprintf("http://127.0.0.1:%d", adminPort))
	if code, body := fetchPage(t, address, "/", ""); code != 200 || !strings.Contains(body, "<title>Fanout</title>") {
		t.Errorf("the page: %d %s", code, body)
	}
	if code, body := fetchPage(t, address, "/", "evil.example.com"); code != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d %s", code, body)
	}
	testkit.Eventually(t, "the admin port, which opens last, answers", func() bool {
		code, body := fetchPage(t, address, "/api/routes", "")
		return code == 200 && strings.Contains(body, `"mode":"standalone"`) && strings.Contains(body, `"name":"orders"`)
	})
	for _, args := range [][]string{{"--admin", "x", "--context", "y"}, {"--port", "70000"}} {
		if _, _, err := command(t, "", append([]string{"dash"}, args...)...); err == nil {
			t.Errorf("%v is no error", args)
		}
	}
}

// Of a cluster the page has what get, status and stat have: what is wrong and what to do, events,
// and whether the operator is there.
func TestDashShowsACluster(t *testing.T) {
	t.Parallel()
	good, ill := routeOf("good", "one"), routeOf("ill", "one")
	now, old := metav1.NewMicroTime(time.Now()), metav1.NewMicroTime(time.Now().Add(-3*time.Hour))
	c := objects(t, "dash", good, ill,
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "alive"}, Spec: coordinationv1.LeaseSpec{RenewTime: &now}},
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "gone"}, Spec: coordinationv1.LeaseSpec{RenewTime: &old}})
	ready := condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonReady, "The route serves the spec")
	good.Status = v1alpha1.FanoutRouteStatus{Operator: "dash/alive", Conditions: []metav1.Condition{
		ready, condition(v1alpha1.ConditionBackendsHealthy, "True", "Healthy", ""),
	}}
	ill.Status = v1alpha1.FanoutRouteStatus{Operator: "dash/gone", Conditions: []metav1.Condition{
		ready, condition(v1alpha1.ConditionBackendsHealthy, "False", "BackendsFailing", "one fails: status 503"),
	}, Backends: []v1alpha1.BackendStatus{{Name: "one", State: v1alpha1.BackendFailing}}}
	for _, r := range []*v1alpha1.FanoutRoute{good, ill} {
		if err := c.Status().Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	o := &dashOptions{access: access{kubeconfig: kubeconfig, namespace: "dash"}}
	source, err := o.source()
	if err != nil {
		t.Fatal(err)
	}
	overview, err := source.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rows := overview.Routes; overview.Mode != dashboard.Cluster || len(rows) != 2 || rows[0].Bad || !rows[1].Bad || rows[1].Ready != "True" || rows[1].Message != "one fails: status 503" {
		t.Errorf("the overview: %+v", overview)
	}
	if of := overview.Operators; len(of) != 2 || of[0].Gone || of[0].AgeSeconds > 600 || !of[1].Gone || of[1].AgeSeconds < 10000 {
		t.Errorf("the operators: %+v", of)
	}
	route, err := source.Route(t.Context(), "dash", "ill")
	if err != nil {
		t.Fatal(err)
	}
	if len(route.Conditions) != 2 || !route.Conditions[1].Bad || len(route.Backends) != 1 || route.Backends[0].State != "Failing" || len(route.Next) == 0 || len(route.Windows) != 0 {
		t.Errorf("the route: %+v", route)
	}
	for _, id := range [][2]string{{"dash", "none"}, {"kube-system", "ill"}} {
		if _, err := source.Route(t.Context(), id[0], id[1]); err == nil || !strings.Contains(err.Error(), dashboard.ErrNotFound.Error()) {
			t.Errorf("route %v: %v", id, err)
		}
	}
	if got, err := source.Calls(t.Context(), "dash", "ill", ""); err != nil || got.Proxies != 0 {
		t.Errorf("calls without Pods: %+v, %v", got, err)
	}
}

// Calls come from all Pods of a route by way of the API server, each asked for what is new; a Pod
// that says too much, or nothing, keeps nobody from the others.
func TestDashGathersTheCallsOfPods(t *testing.T) {
	t.Parallel()
	says := func(id int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"version":1,"seq":%d,"calls":[{"id":%[1]d,"ageMs":%[1]d,"method":"GET","rule":%q,"lanes":[]}]}`, id, r.URL.RawQuery)
		}
	}
	const path = "GET /api/v1/namespaces/shop/pods/http:%s:9091/proxy/calls"
	o := &dashOptions{access: access{kubeconfig: serveCluster(t, map[string]http.HandlerFunc{"shop/one": nil, "shop/two": nil, "shop/newer": nil, "shop/silent": nil}, map[string]http.HandlerFunc{
		fmt.Sprintf(path, "one"): says(7), fmt.Sprintf(path, "two"): says(3),
		fmt.Sprintf(path, "newer"): func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"version":2}`)) },
	})}}
	source, err := o.source()
	if err != nil {
		t.Fatal(err)
	}
	first, err := source.Calls(t.Context(), "shop", "orders", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Calls) != 2 || first.Calls[0].Proxy != "two" || first.Proxies != 4 || len(first.Silent) != 2 || !strings.Contains(strings.Join(first.Silent, "; "), "version 2") {
		t.Errorf("of four Pods: %+v", first)
	}
	again, err := source.Calls(t.Context(), "shop", "orders", first.Cursor)
	if err != nil || !strings.Contains(again.Calls[0].Rule, "after=3") || !strings.Contains(again.Calls[1].Rule, "after=7") || !strings.Contains(again.Calls[1].Rule, "route=shop%2Forders") {
		t.Errorf("then: %+v, %v", again, err)
	}
}
