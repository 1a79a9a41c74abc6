package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/survey"
)

// serveCluster is an API server that lists Pods, given as NAMESPACE/NAME, of routes "orders",
// and passes on what their proxies say; a nil one says nothing. It serves more paths, too. The kubeconfig's current
// context is of namespace shop.
func serveCluster(t *testing.T, proxies map[string]http.HandlerFunc, more ...map[string]http.HandlerFunc) (kubeconfig string) {
	t.Helper()
	mux := http.NewServeMux()
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}}
	for id, proxy := range proxies {
		namespace, name, _ := strings.Cut(id, "/")
		list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.RouteLabel: "orders"}}})
		if proxy != nil {
			mux.HandleFunc(fmt.Sprintf("GET /api/v1/namespaces/%s/pods/http:%s:9091/proxy/status", namespace, name), proxy)
		}
	}
	for _, paths := range more {
		for path, handler := range paths {
			mux.HandleFunc(path, handler)
		}
	}
	pods := func(w http.ResponseWriter, r *http.Request) {
		some := corev1.PodList{TypeMeta: list.TypeMeta}
		selected := r.URL.Query().Get("labelSelector")
		for _, pod := range list.Items {
			if of := r.PathValue("namespace"); (of == "" || pod.Namespace == of) && (selected == v1alpha1.RouteLabel || selected == v1alpha1.RouteLabel+"=orders") {
				some.Items = append(some.Items, pod)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(some)
	}
	for path, says := range map[string]string{ // what a client asks first
		"/api": `{"kind":"APIVersions","versions":["v1"]}`, "/apis": `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`,
		"/api/v1": `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["list"]}]}`,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(says))
		})
	}
	mux.HandleFunc("GET /api/v1/pods", pods)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods", pods)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	kubeconfig = filepath.Join(t.TempDir(), "config")
	content := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": %q}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}], "users": [{"name": "u", "user": {}}]}`, s.URL)
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// saying is a proxy that counts one call of each route.
func saying(routes ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var list []string
		for _, id := range routes {
			namespace, name, _ := strings.Cut(id, "/")
			list = append(list, fmt.Sprintf(`{"namespace":%q,"name":%q,"windows":{"5m":{"seconds":300,"calls":{"complete":1}}}}`, namespace, name))
		}
		_, _ = fmt.Fprintf(w, `{"document":"h","routes":[%s]}`, strings.Join(list, ","))
	}
}

// L2: a Pod speaks of its own route alone, and one that is silent or says too much keeps
// nobody from the others.
func TestL2ClusterIsAddedUpFromWhatPodsMaySay(t *testing.T) {
	t.Parallel()
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	proxies := map[string]http.HandlerFunc{
		"shop/one": saying("shop/orders"), "shop/two": saying("shop/orders"),
		"evil/one": saying("evil/orders", "shop/orders", "shop/other"),
		"evil/endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1<<16)))
			}
		},
	}
	for i := range 8 {
		proxies[fmt.Sprintf("evil/silent%d", i)] = silent
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*statTimeout)
	defer cancel()
	c, err := (&access{kubeconfig: serveCluster(t, proxies)}).cluster()
	if err != nil {
		t.Fatal(err)
	}
	routes, note, err := c.Routes(ctx, survey.Wanted{})
	if err != nil {
		t.Fatal(err)
	}
	if note == nil || !strings.HasPrefix(note.Error(), "9 of 12 Pods did not say how they do, such as these: ask proxy evil/") {
		t.Errorf("those that said nothing are told as %v", note)
	}
	got := map[string]uint64{}
	for i := range routes {
		got[routes[i].Namespace+"/"+routes[i].Name] = routes[i].Windows.Of("5m").Calls.Complete
	}
	if len(got) != 2 || got["shop/orders"] != 2 || got["evil/orders"] != 1 {
		t.Errorf("calls are %v, want 2 of shop/orders and 1 of evil/orders", got)
	}
}
