package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/selfsigned"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// free is a port of loopback that nobody has.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// begin runs a program until the end of the test, which is told to stop then.
func begin(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
	})
	return out
}

// demo is `make demo`, which stays up. It returns where its metrics are, and calls it until the end
// of the test.
func demo(t *testing.T) (admin string) {
	t.Helper()
	root := testkit.Root()
	admin = free(t)
	out := begin(t, exec.CommandContext(context.Background(), filepath.Join(root, "bin", "demo"), "-keep", "-admin", admin,
		"-fanoutctl", filepath.Join(root, "bin", "fanoutctl"), "-samples", filepath.Join(root, "config", "samples")))
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "== fanoutctl serves the sample: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			forever(t, func(ctx context.Context) {
				r, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/orders", strings.NewReader(`{"message":"hello"}`))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("X-Api-Key", "demo-caller-key")
				send(r)
			})
			return admin
		}
	}
	t.Fatal("the demo has ended")
	return ""
}

func send(r *http.Request) {
	if response, err := http.DefaultClient.Do(r); err == nil { // what becomes of it is counted by the proxy
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

// forever calls, until the end of the test.
func forever(t *testing.T, call func(context.Context)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			call(ctx)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}

// everything is a proxy whose route has all that has metrics, and is called.
func everything(t *testing.T) (address string) {
	t.Helper()
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	answering := func(text string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	signer := testkit.NewSigner(t, "one")
	keys := answering(string(signer.Keys()))
	tokens := answering(`{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
	authority, err := selfsigned.New("callers", time.Now(), 9*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": string(authority.PEM)})
	secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "i", "client_secret": "s"})
	receiver := func(name string) routeconfig.Backend {
		return testkit.Receiver(name, b.URL, func(b *routeconfig.Backend) {
			b.RateLimit = &routeconfig.RateLimit{Name: name, Requests: 1000, Per: testkit.Span(time.Second), Burst: 1000}
			b.Hedge = &routeconfig.Hedge{Delay: testkit.Span(time.Second), Max: 1, BudgetPercent: 10}
			b.CircuitBreaker = &routeconfig.CircuitBreaker{
				FailurePercent: 50, MinimumRequests: 2, Window: testkit.Span(time.Minute), OpenFor: testkit.Span(time.Hour), HalfOpenRequests: 1,
			}
			b.MaxConcurrentRequests, b.MaxQueuedRequests = 4, 2
			b.TLS = &routeconfig.TLS{CASecret: "ca"}
			b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: tokens}
		})
	}
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("full", testkit.Receivers(receiver("one"), receiver("two")),
		testkit.Shadow(receiver("shadow"), "Outcome"), func(r *routeconfig.Route) {
			r.RateLimits = []routeconfig.RateLimit{{
				Name: "few", Requests: 1000, Per: testkit.Span(time.Second), Burst: 1000, Shared: true, OnStoreFailure: routeconfig.StoreFailureLocalShare,
			}}
			r.RateLimitStore = &routeconfig.RateLimitStore{
				Addresses: []string{"127.0.0.1:1"}, Topology: routeconfig.TopologyStandalone, Prefix: "fanout:", Timeout: testkit.Span(time.Second), Proxies: 2,
			}
			r.Authentication = &routeconfig.Authentication{
				JWT: []routeconfig.CallerJWT{{
					Name: "idp", Issuer: keys, JWKSURI: keys, Algorithms: []string{"ES256"}, Audiences: []string{"orders"}, Caller: []string{"sub"},
					Header: "Authorization", Prefix: "Bearer",
				}},
				Certificate: &routeconfig.CallerCertificate{CASecret: "ca"},
			}
			r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: "true"}
		}))
	bearer := "Bearer " + signer.Sign(map[string]any{"iss": keys, "aud": "orders", "sub": "till", "exp": time.Now().Add(time.Hour).Unix()})
	forever(t, func(ctx context.Context) {
		r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.Address("full"), strings.NewReader("{}"))
		r.Header.Set("Authorization", bearer)
		send(r)
	})
	admin := httptest.NewServer(p.AdminHandler())
	t.Cleanup(admin.Close)
	return admin.Listener.Addr().String()
}

// operating is an operator at a real API server, with a route. It returns where its metrics are.
func operating(t *testing.T) (address string) {
	t.Helper()
	config, stop, err := apiserver.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c, err := client.New(config, client.Options{Scheme: apiserver.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	route := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceDefault, Name: "orders"}}
	route.Spec.Backends = []v1alpha1.Backend{{Name: "one", URL: "https://one.example.com/"}}
	if err := c.Create(t.Context(), route); err != nil {
		t.Fatal(err)
	}
	address = free(t)
	cmd := exec.CommandContext(context.Background(), filepath.Join(testkit.Root(), "bin", "fanout-operator"), "--metrics-address", address, "--health-address", "0", "--proxy-image", "fanout:test",
		"--leader-elect", "--leader-election-namespace", corev1.NamespaceDefault)
	cmd.Env = append(os.Environ(), "POD_NAMESPACE="+corev1.NamespaceDefault, "KUBECONFIG="+kubeconfig(t, config))
	begin(t, cmd)
	return address
}

// kubeconfig is the way to an API server, as a file.
func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	c := clientcmdapi.NewConfig()
	c.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	c.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	c.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	c.CurrentContext = "test"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*c, file); err != nil {
		t.Fatal(fmt.Errorf("write kubeconfig: %w", err))
	}
	return file
}
