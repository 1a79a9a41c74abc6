package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit/canary"
)

// No value of a Secret stands in any other object, in a log, in metrics, on /status or in what
// etcd holds: neither while all is well, nor when backends refuse, nor when Secrets are unfit.
func TestNoSecretIsShownInTheCluster(t *testing.T) {
	s := newScene(t)
	agents := s.agents("one", "load")
	g := &garden{s: s}
	route := g.routes()
	s.settled("open")
	s.settled("guarded")
	call := func(route string) { // none of which need succeed as a whole
		agents[1].control(http.MethodPost, "load", map[string]any{"url": s.url(route), "perSecond": 20, "workers": 4}, nil)
	}
	call("open")
	agents[1].sent(100)
	for _, status := range []int{401, 500, 200} {
		agents[0].behave(map[string]any{"status": status})
		agents[1].sent(100)
	}
	if total := agents[1].end(); total.Sent == 0 || agents[0].seen().Count == 0 {
		t.Fatalf("nothing was called: %s", total)
	}
	call("guarded")
	agents[1].sent(40)
	agents[1].end()
	g.spoil()
	eventually(t, "Secrets that cannot be used are told", func() bool {
		c := s.condition(route, "ResolvedRefs")
		return c != nil && c.Status != "True"
	})
	shown := map[string]string{}
	s.objects(shown)
	s.logs(shown)
	etcd(t, shown)
	size := 0
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		size += len(shown[name])
		for _, hit := range canary.Found(g.canaries, shown[name]) {
			t.Errorf("%s shows %s", name, hit)
		}
	}
	figure(t, "canaries in the cluster", "%d values in Secrets, %d objects, logs and pages, %d bytes, 0 hits wanted", len(g.canaries), len(shown), size)
}

// garden plants canaries in Secrets.
type garden struct {
	s        *scene
	canaries []canary.Value
}

func (g *garden) text(secret, key, more string) string {
	c := canary.New(secret, key, more)
	g.canaries = append(g.canaries, c)
	return c.Whole
}

// credentials are Secrets with their keys, by the kind of a backend's credential.
func credentials(service string) map[string]struct {
	keys []string
	of   v1alpha1.BackendAuthentication
} {
	reference := func(name string) *v1alpha1.SecretReference {
		return &v1alpha1.SecretReference{SecretName: v1alpha1.SecretName(name)}
	}
	return map[string]struct {
		keys []string
		of   v1alpha1.BackendAuthentication
	}{
		"client":  {[]string{"client_id", "client_secret"}, v1alpha1.BackendAuthentication{Type: "OAuth2", OAuth2: &v1alpha1.OAuth2{TokenURL: service + "/token", SecretName: "client"}}},
		"api-key": {[]string{"key"}, v1alpha1.BackendAuthentication{Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "api-key", Key: "key", Header: "X-API-Key"}}},
		"query":   {[]string{"key"}, v1alpha1.BackendAuthentication{Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "query", Key: "key", Query: "key"}}},
		"basic":   {[]string{"username", "password"}, v1alpha1.BackendAuthentication{Type: "Basic", Basic: reference("basic")}},
		"bearer":  {[]string{"token"}, v1alpha1.BackendAuthentication{Type: "Bearer", Bearer: reference("bearer")}},
		"webhook": {[]string{"secret"}, v1alpha1.BackendAuthentication{Type: "StandardWebhooks", StandardWebhooks: &v1alpha1.StandardWebhooks{SecretName: "webhook"}}},
		"hmac":    {[]string{"key"}, v1alpha1.BackendAuthentication{Type: "HMAC", HMAC: &v1alpha1.HMAC{SecretName: "hmac", Key: "key", Header: "X-Signature"}}},
		"aws": {[]string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"},
			v1alpha1.BackendAuthentication{Type: "AWSSigV4", AWSSigV4: &v1alpha1.AWSSigV4{SecretName: "aws", Region: "r", Service: "s"}}},
	}
}

// routes makes one that shows credentials of every kind, and one that asks for callers'. It
// returns the name of the former.
func (g *garden) routes() string {
	g.s.t.Helper()
	var backends []v1alpha1.Backend
	service := "http://one." + g.s.namespace + ".svc:8080"
	for _, name := range slices.Sorted(maps.Keys(credentials(service))) {
		c := credentials(service)[name]
		values := map[string]string{"allowedHosts": "one." + g.s.namespace + ".svc\n" + g.text(name, "allowedHosts", ".example")}
		for _, key := range c.keys {
			values[key] = g.text(name, key, "")
		}
		if name == "webhook" {
			values["secret"] = "whsec_" + base64.StdEncoding.EncodeToString([]byte(values["secret"]))
		}
		g.s.secret(name, values)
		backends = append(backends, v1alpha1.Backend{Name: v1alpha1.BackendName(name), URL: service + "/" + name, Authentication: &c.of})
	}
	g.s.route("open", nil, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends = backends
		r.Spec.Dispatch.SuccessPolicy.Type = v1alpha1.PolicyBestEffort
	})
	g.s.secret("callers", map[string]string{"till": g.text("callers", "till", "")})
	g.s.secret("users", map[string]string{"auth": "clerk:$2y$04$" + g.text("users", "auth", strings.Repeat("a", 29))})
	g.s.route("guarded", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Authentication = &v1alpha1.CallerAuthentication{
			APIKeys: &v1alpha1.CallerAPIKeys{SecretName: "callers"}, Basic: &v1alpha1.CallerBasic{SecretName: "users"},
		}
	})
	return "open"
}

// spoil makes every value one that cannot be sent.
func (g *garden) spoil() {
	g.s.t.Helper()
	for name := range credentials("") {
		edit(g.s, name, &corev1.Secret{}, func(x *corev1.Secret) {
			for key := range x.Data {
				x.Data[key] = []byte(g.text(name, key, "\r\n\x00"))
			}
		})
	}
	for _, pod := range g.s.pods("open") { // or the kubelet looks after them in a minute or two
		edit(g.s, pod.Name, &corev1.Pod{}, annotate)
	}
}

// annotate has the kubelet look at a Pod now.
func annotate(p *corev1.Pod) {
	if p.Annotations == nil {
		p.Annotations = map[string]string{}
	}
	p.Annotations["e2e.example/sync"] = "now"
}

// objects are all that the API server lists but Secrets.
func (s *scene) objects(shown map[string]string) {
	s.t.Helper()
	lists, err := core.Discovery().ServerPreferredResources()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range list.APIResources {
			r := &list.APIResources[i]
			if !slices.Contains(r.Verbs, "list") || r.Kind == "Secret" {
				continue
			}
			found := &unstructured.UnstructuredList{}
			found.SetGroupVersionKind(group.WithKind(r.Kind + "List"))
			if err := steady(func() error { return kube.List(s.t.Context(), found) }); err != nil {
				s.t.Fatalf("list %s: %v", r.Name, err)
			}
			content, err := json.Marshal(found)
			if err != nil {
				s.t.Fatal(err)
			}
			shown[list.GroupVersion+" "+r.Name] = string(content)
		}
	}
	for _, needed := range []string{"v1 events", "v1 configmaps", "v1 pods", "fanout.dev/v1alpha1 fanoutroutes"} {
		if !strings.Contains(shown[needed], s.namespace) {
			s.t.Errorf("%s of the scene were not listed", needed)
		}
	}
}

// logs are those of all Pods of the scene and of the operator, and the pages of proxies.
func (s *scene) logs(shown map[string]string) {
	s.t.Helper()
	for _, namespace := range []string{s.namespace, system} {
		pods := &corev1.PodList{}
		if err := steady(func() error { return kube.List(s.t.Context(), pods, client.InNamespace(namespace)) }); err != nil {
			s.t.Fatal(err)
		}
		for i := range pods.Items {
			name := pods.Items[i].Name
			log, err := core.CoreV1().Pods(namespace).GetLogs(name, &corev1.PodLogOptions{}).DoRaw(s.t.Context())
			if err != nil {
				s.t.Errorf("log of %s: %v", name, err)
			}
			shown["log of "+name] = string(log)
		}
	}
	for _, route := range []string{"open", "guarded"} {
		for _, pod := range s.pods(route) {
			for _, page := range []string{"metrics", "status", "readyz"} {
				content, err := core.CoreV1().RESTClient().Get().Namespace(s.namespace).Resource("pods").Name(pod.Name + ":9091").SubResource("proxy").Suffix(page).DoRaw(s.t.Context())
				if err != nil {
					s.t.Errorf("%s of %s: %v", page, pod.Name, err)
				}
				shown[page+" of "+pod.Name] = string(content)
			}
		}
	}
}

// etcd is all that etcd holds but Secrets, where the cluster is ours: nobody else lets us look.
func etcd(t *testing.T, shown map[string]string) {
	t.Helper()
	if os.Getenv("KUBECONFIG") != "" {
		t.Log("etcd is not looked into: KUBECONFIG chose the cluster")
		return
	}
	pid, err := os.ReadFile(filepath.Join("..", "..", ".cluster", "pid"))
	if err != nil {
		t.Fatal(err)
	}
	asked := exec.CommandContext(t.Context(), "nsenter", "-t", strings.TrimSpace(string(pid)), "-n", "curl", "-sS", "--fail",
		"-d", `{"key": "Lw==", "range_end": "MA=="}`, "http://127.0.0.1:2379/v3/kv/range") // from / to 0
	var complaint bytes.Buffer
	asked.Stderr = &complaint
	content, err := asked.Output()
	if err != nil {
		t.Fatalf("read etcd: %v: %s", err, &complaint)
	}
	var answer struct {
		KVs []struct{ Key, Value []byte } `json:"kvs"`
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		t.Fatal(err)
	}
	secrets := 0
	for _, pair := range answer.KVs {
		if strings.HasPrefix(string(pair.Key), "/registry/secrets/") {
			secrets++
			continue
		}
		shown[fmt.Sprintf("etcd %s", pair.Key)] = string(pair.Value)
	}
	if secrets == 0 || len(answer.KVs) < 100 {
		t.Errorf("etcd holds %d keys, %d of which are Secrets", len(answer.KVs), secrets)
	}
}
