package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/selfsigned"
)

// page is one that is asked by a browser's means.
type page struct {
	t *testing.T
	// open is where it is asked, as long as ctx lives.
	open  func(ctx context.Context) (url string, err error)
	token string
	trust *x509.CertPool
}

// pageName is that of the Service of the overlay.
const pageName = "fanout-page." + system + ".svc"

// get asks for a path; 0 where nobody answers.
func (p page) get(path string, into any) (code int) {
	p.t.Helper()
	ctx, done := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer done()
	url, err := p.open(ctx)
	if err != nil {
		p.t.Log(err)
		return 0
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.trust, ServerName: pageName, MinVersion: tls.VersionTLS12}}
	response, err := transport.RoundTrip(r)
	if err != nil {
		p.t.Log(err)
		return 0
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Log(err)
		return 0
	}
	if into != nil && response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(raw, into); err != nil {
			p.t.Fatalf("%s: %v: %s", path, err, raw)
		}
	}
	return response.StatusCode
}

// shows fails where the page has not what a route that is called has.
func (p page) shows(namespace, name string) {
	p.t.Helper()
	route, overview := dashboard.Route{}, dashboard.Overview{}
	of := "/api/routes/" + namespace + "/" + name
	eventually(p.t, "the page shows the calls of a minute", func() bool {
		return p.get(of, &route) == 200 && len(route.Windows["1m"].Counts) > 0 && len(route.Backends) == 2 && len(route.Backends[0].Windows["1m"].Counts) > 0
	})
	if len(route.Untold) > 0 || len(route.Pods) != 2 || route.Pods[0].State != "Ready" || route.Pods[0].Document == "" || len(route.Conditions) < 4 {
		p.t.Errorf("of the route it shows %+v", route)
	}
	cursor := ""
	eventually(p.t, "the page shows calls as they run", func() bool {
		seen := dashboard.Calls{}
		if p.get(of+"/calls?cursor="+cursor, &seen) != 200 || len(seen.Silent) > 0 {
			return false
		}
		cursor = seen.Cursor
		for _, c := range seen.Calls {
			if c.Decided.Decider == "answer" && c.Status == 200 && len(c.Lanes) == 2 && c.Lanes[0].Ended > 0 && strings.HasPrefix(c.Proxy, name+"-fanout-") {
				return true
			}
		}
		return false
	})
	eventually(p.t, "the page shows that an operator lives", func() bool {
		return p.get("/api/routes", &overview) == 200 && len(overview.Operators) == 1 && !overview.Operators[0].Gone && overview.Operators[0].Unknown == ""
	})
	for _, r := range overview.Routes {
		if r.Namespace != namespace {
			p.t.Errorf("it shows route %s/%s", r.Namespace, r.Name)
		}
	}
}

// called is a scene with a route that is called all the time.
func called(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	agents := s.agents("one", "two", "load")
	s.route("orders", []string{"one", "two"}, func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Replicas = new(int32(2)) })
	s.settled("orders")
	agents[2].load(s.url("orders"), 10, 2, true)
	return s
}

// Calls are seen as they run by way of the API server, with no more than kubectl has.
func TestFanoutctlDashShowsCallsOfPods(t *testing.T) {
	s := called(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cmd := exec.CommandContext(ctx, filepath.Join("..", "..", "bin", "fanoutctl"), "dash", "--port", "0", "-n", s.namespace)
	cmd.Env = s.environment()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "page ")
	if !ok {
		t.Fatalf("it printed %q", line)
	}
	page{t: t, open: func(context.Context) (string, error) { return strings.TrimSuffix(address, "/"), nil }}.shows(s.namespace, "orders")
}

// Each replica of the operator serves the page: a reader sees the routes of the namespaces whose routes
// it may get, and whoever shows no token sees nothing.
func TestOverlayDashboard(t *testing.T) {
	trust := pageCertificate(t)
	installed(t, "dashboard.yaml")
	s, other := called(t), newScene(t)
	other.route("hidden", []string{"one"})
	token := s.reader("reader")
	operators := &corev1.PodList{}
	eventually(t, "both replicas run", func() bool {
		err := kube.List(t.Context(), operators, client.InNamespace(system), client.MatchingLabels{"app.kubernetes.io/name": "fanout-operator"})
		return err == nil && len(operators.Items) == 2
	})
	for i := range operators.Items {
		p := page{t, forwarded(operators.Items[i].Name, 9444), token, trust}
		eventually(t, "the page has its certificate", func() bool { return p.get("/", nil) == 200 })
		p.shows(s.namespace, "orders")
		for _, path := range []string{"/api/routes/" + other.namespace + "/hidden", "/api/routes/" + other.namespace + "/hidden/calls", "/api/routes/" + other.namespace + "/none"} {
			if code := p.get(path, nil); code != http.StatusForbidden {
				t.Errorf("%s of another namespace: %d", path, code)
			}
		}
		for _, token := range []string{"", "nobody"} {
			p.token = token
			if page, routes := p.get("/", nil), p.get("/api/routes", nil); page != 401 || routes != 401 {
				t.Errorf("by token %q: %d and %d", token, page, routes)
			}
		}
	}
}

// pageCertificate makes the Secret that the overlay mounts.
func pageCertificate(t *testing.T) *x509.CertPool {
	t.Helper()
	made, err := selfsigned.New(pageName, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.TLS.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "fanout-page-tls"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": made.PEM, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})},
	}
	if err := steady(func() error { return kube.Create(t.Context(), secret) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := steady(func() error { return kube.Delete(context.WithoutCancel(t.Context()), secret) }); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(made.PEM)
	return pool
}

// reader is a token of a service account that may view the scene's namespace.
func (s *scene) reader(name string) string {
	s.t.Helper()
	s.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}})
	s.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.namespace, Name: name}},
	})
	given, err := core.CoreV1().ServiceAccounts(s.namespace).CreateToken(s.t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return given.Status.Token
}

// forwarded opens a port of an operator's Pod, as kubectl port-forward does. It is opened anew for each
// request: what the kubelet says of a connection that was reset closes it.
func forwarded(pod string, port int) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		transport, upgrader, err := spdy.RoundTripperFor(config)
		if err != nil {
			return "", err
		}
		target := core.CoreV1().RESTClient().Post().Resource("pods").Namespace(system).Name(pod).SubResource("portforward").URL()
		ready, failed := make(chan struct{}), make(chan error, 1)
		f, err := portforward.NewOnAddresses(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target), []string{"127.0.0.1"},
			[]string{fmt.Sprintf("0:%d", port)}, ctx.Done(), ready, io.Discard, io.Discard)
		if err != nil {
			return "", err
		}
		go func() { failed <- f.ForwardPorts() }()
		select {
		case <-ready:
		case err := <-failed:
			return "", fmt.Errorf("forward port %d of Pod %s: %w", port, pod, err)
		}
		ports, err := f.GetPorts()
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("https://127.0.0.1:%d", ports[0].Local), nil
	}
}
