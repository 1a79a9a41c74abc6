package lookout_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/lookout"
	"github.com/fanout-operator/fanout/internal/selfsigned"
	"github.com/fanout-operator/fanout/internal/survey"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

var (
	config   *rest.Config // of an administrator
	admin    client.Client
	operator cluster.Cluster // with the operator's rights and its cache
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	log.SetLogger(logr.Discard())
	c, stop, err := apiserver.Start()
	if err != nil {
		return 1, err
	}
	defer stop()
	config = c
	if admin, err = client.New(c, client.Options{Scheme: apiserver.Scheme()}); err != nil {
		return 1, err
	}
	for _, file := range []string{"config/rbac/role.yaml", "config/overlays/dashboard/page.yaml"} {
		if _, err := apiserver.Grant(context.Background(), admin, file); err != nil {
			return 1, err
		}
	}
	own := rest.CopyConfig(c)
	own.Impersonate.UserName = apiserver.OperatorUser
	cached, err := controllers.CacheOptions(nil)
	if err != nil {
		return 1, err
	}
	if operator, err = cluster.New(own, func(o *cluster.Options) { o.Scheme, o.Cache = apiserver.Scheme(), cached }); err != nil {
		return 1, err
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go func() { _ = operator.Start(ctx) }() // until ctx ends
	return m.Run(), nil
}

// as asks the API server as a user.
func as(t *testing.T, user string) *kubernetes.Clientset {
	t.Helper()
	c := rest.CopyConfig(config)
	c.Impersonate.UserName = user
	asked, err := kubernetes.NewForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

// create makes objects, a namespace first that may be there already.
func create(t *testing.T, namespace string, list ...client.Object) {
	t.Helper()
	if err := admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	for _, object := range list {
		object.SetNamespace(namespace)
		if err := admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// route makes one with an event of the same name.
func route(t *testing.T, namespace, name string) {
	t.Helper()
	r := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Name: name}}
	r.Spec.Backends = []v1alpha1.Backend{{Name: "one", URL: "https://one.example.com/"}}
	create(t, namespace, r)
	testkit.Eventually(t, "the operator knows the route", func() bool {
		return operator.GetClient().Get(t.Context(), client.ObjectKeyFromObject(r), &v1alpha1.FanoutRoute{}) == nil
	})
	create(t, namespace, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: name}, EventTime: metav1.NewMicroTime(time.Now()), Type: "Warning", Reason: "Told", Note: "the event of " + name,
		Action: "Look", ReportingController: "fanout", ReportingInstance: "fanout",
		Regarding: corev1.ObjectReference{Kind: v1alpha1.Kind, Namespace: namespace, Name: name, UID: r.UID},
	})
}

// token is one of a service account that may get routes in some namespaces, for some audiences.
func token(t *testing.T, account, namespace string, audiences []string, namespaces ...string) string {
	t.Helper()
	create(t, namespace, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}})
	for _, of := range namespaces {
		create(t, of, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account + "-sees"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account + "-sees"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}},
		}, &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Name: account + "-sees"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"fanout.dev"}, Resources: []string{"fanoutroutes"}, Verbs: []string{"get"}}},
		})
	}
	asked := as(t, "")
	given, err := asked.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account, &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return given.Status.Token
}

// certificate writes one into a folder, and says who trusts it.
func certificate(t *testing.T, folder, name string) *x509.CertPool {
	t.Helper()
	made, err := selfsigned.New(name, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.TLS.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), "tls.crt": made.PEM} {
		if err := os.WriteFile(filepath.Join(folder, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(made.PEM)
	return pool
}

// page is a page under way.
type page struct {
	t     *testing.T
	url   string
	trust *x509.CertPool
}

// serve starts one that asks as a user who is who. Without a folder it is on loopback without TLS.
func serve(t *testing.T, user, folder string, trust *x509.CertPool) *page {
	t.Helper()
	asked := as(t, user)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	p := &page{t, "http://127.0.0.1:" + port, trust}
	o := lookout.Options{Address: "127.0.0.1:" + port}
	if folder != "" {
		o = lookout.Options{Address: "0.0.0.0:" + port, TLS: folder, Hosts: []string{"page.example.com"}}
		p.url = "https://127.0.0.1:" + port
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	server := &lookout.Server{Options: o,
		Source: &survey.Page{Where: "here", Cluster: survey.New(survey.Options{Objects: operator.GetClient(), Live: operator.GetAPIReader(), Proxies: survey.NewDirect(), AtOnce: 4})},
		Gate:   lookout.NewGate(asked.AuthenticationV1().TokenReviews(), asked.AuthorizationV1().SubjectAccessReviews(), logr.Discard()),
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	return p
}

// get asks for a path; 0 where nobody answers.
func (p *page) get(path, token, host string) (code int, body string, err error) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.trust, ServerName: "page.example.com", MinVersion: tls.VersionTLS12}}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return response.StatusCode, string(raw), err
}

func (p *page) up() {
	p.t.Helper()
	testkit.Eventually(p.t, "the page answers", func() bool {
		code, _, _ := p.get("/", "", "")
		return code != 0
	})
}

// A token's owner sees the routes, events and calls of the namespaces whose routes it may get, and
// nothing of others, be it a name.
func TestReadersSeeWhatTheyMayGet(t *testing.T) {
	t.Parallel()
	route(t, "seen", "orders")
	route(t, "hidden", "payroll")
	mine := token(t, "reader", "seen", nil, "seen")
	everywhere := token(t, "auditor", "hidden", nil, "seen", "hidden")
	folder := t.TempDir()
	p := serve(t, apiserver.OperatorUser, folder, certificate(t, folder, "page.example.com"))
	p.up()
	for name, row := range map[string]struct {
		path, token string
		code        int
		want        string
	}{
		"the page":                   {"/", mine, 200, "<title>Fanout</title>"},
		"the routes":                 {"/api/routes", mine, 200, `"name":"orders"`},
		"a route":                    {"/api/routes/seen/orders", mine, 200, "the event of orders"},
		"calls":                      {"/api/routes/seen/orders/calls", mine, 200, `"proxies":0`},
		"no such route":              {"/api/routes/seen/none", mine, 404, "not found"},
		"a hidden route":             {"/api/routes/hidden/payroll", mine, 403, `namespace \"hidden\" are not yours to see`},
		"a hidden route, not there":  {"/api/routes/hidden/none", mine, 403, `namespace \"hidden\" are not yours to see`},
		"hidden calls":               {"/api/routes/hidden/payroll/calls", mine, 403, "not yours"},
		"who may see it":             {"/api/routes/hidden/payroll", everywhere, 200, "the event of payroll"},
		"without a token":            {"/", "", 401, "who asks is not known"},
		"routes without a token":     {"/api/routes", "", 401, "who asks is not known"},
		"a token of nobody":          {"/api/routes", "nobody", 401, "who asks is not known"},
		"a token that was changed":   {"/api/routes", mine[:len(mine)-6] + "AAAAAA", 401, "who asks is not known"},
		"a token for somebody else":  {"/api/routes", token(t, "elsewhere", "seen", []string{"vault"}), 401, "who asks is not known"},
		"somebody who may see none":  {"/api/routes", token(t, "stranger", "seen", nil), 200, `"routes":[]`},
		"somebody who may see none ": {"/api/routes/seen/orders", token(t, "outsider", "seen", nil), 403, "cluster role view"},
	} {
		code, body, err := p.get(row.path, row.token, "page.example.com:8443")
		if name != "the page" && code != row.code || !strings.Contains(body, row.want) {
			t.Errorf("%s: %d %s %v, want %d with %q", name, code, body, err, row.code, row.want)
		}
		if row.token != everywhere && (strings.Contains(body, "payroll") || strings.Contains(row.want, "orders") && strings.Contains(body, "hidden")) {
			t.Errorf("%s: what is hidden leaks: %s", name, body)
		}
	}
	if code, _, _ := p.get("/", mine, "evil.example.com"); code != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", code)
	}
}

// Where the operator may not ask who is who, nobody is let in, and nobody is told why.
func TestNobodyIsLetInByMistake(t *testing.T) {
	t.Parallel()
	route(t, "unjudged", "orders")
	good := token(t, "reader", "unjudged", nil, "unjudged")
	folder := t.TempDir()
	p := serve(t, "system:serviceaccount:fanout-system:without-rights", folder, certificate(t, folder, "page.example.com"))
	p.up()
	for _, path := range []string{"/", "/api/routes", "/api/routes/unjudged/orders"} {
		code, body, _ := p.get(path, good, "")
		if code != http.StatusServiceUnavailable || strings.Contains(body, "without-rights") || strings.Contains(body, "orders") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// On loopback there is no token: whoever may forward a port of the Pod is there.
func TestLoopbackNeedsNoToken(t *testing.T) {
	t.Parallel()
	route(t, "looped", "orders")
	p := serve(t, apiserver.OperatorUser, "", nil)
	p.up()
	for path, host := range map[string]string{"/api/routes": "", "/api/routes/looped/orders": "localhost:8080"} {
		if code, body, _ := p.get(path, "", host); code != 200 || !strings.Contains(body, "orders") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _, _ := p.get("/api/routes", "", "evil.example.com:9092"); code != http.StatusMisdirectedRequest {
		t.Errorf("a name that was rebound: %d", code)
	}
}

// A certificate that is not there yet keeps the page, and not the operator; another one is taken
// without a restart.
func TestCertificatesComeAndChange(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := serve(t, apiserver.OperatorUser, folder, nil)
	for range 2 {
		p.trust = certificate(t, folder, "page.example.com")
		p.up()
	}
}

// What would show routes to anybody, or tokens to the network, is refused with what to do.
func TestOptionsAreJudged(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		o    lookout.Options
		want string
	}{
		"loopback":                       {lookout.Options{Address: "127.0.0.1:9092"}, ""},
		"loopback of IPv6":               {lookout.Options{Address: "[::1]:9092"}, ""},
		"the network with TLS":           {lookout.Options{Address: ":9444", TLS: "/etc/page", Hosts: []string{"a.example.com", "b.example.com:8443"}}, ""},
		"the network":                    {lookout.Options{Address: ":9444"}, "name a folder with a certificate by --dashboard-tls, or an address of loopback"},
		"one address of the network":     {lookout.Options{Address: "10.0.0.1:9444"}, "in clear text"},
		"loopback within another family": {lookout.Options{Address: "[::ffff:127.0.0.1]:9092"}, ""},
		"no port":                        {lookout.Options{Address: "127.0.0.1"}, "is no IP:PORT"},
		"port 0":                         {lookout.Options{Address: "127.0.0.1:0"}, "has no port from 1 to 65535"},
		"a port by name":                 {lookout.Options{Address: "127.0.0.1:http"}, "has no port from 1 to 65535"},
		"a name":                         {lookout.Options{Address: "localhost:9092"}, "names a host"},
		"a URL as a host":                {lookout.Options{Address: "127.0.0.1:9092", Hosts: []string{"https://a.example.com"}}, "is no name of a host"},
		"any host":                       {lookout.Options{Address: "127.0.0.1:9092", Hosts: []string{"*.example.com"}}, "is no name of a host"},
	} {
		err := row.o.Validate()
		if (row.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := &lookout.Server{Options: lookout.Options{Address: taken.Addr().String()}}
	if err := s.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "serve the page: ") || errors.Is(err, http.ErrServerClosed) {
		t.Errorf("a port that is taken: %v", err)
	}
	if s.NeedLeaderElection() {
		t.Error("a replica that does not lead has no page")
	}
}
