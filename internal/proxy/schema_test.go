package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// A body that is not valid reaches no backend; its sender reads where and why. The schema is
// that of the ConfigMap as it is mounted now, and what is wrong with it stands in /status.
func TestBodiesThatAreNotValid(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	tree := testkit.NewSecrets(t)
	schema := routeconfig.ConfigMapKey{Name: "schemas", Key: "order.json"}
	folder := (&routeconfig.Reference{Kind: routeconfig.KindConfigMap, Name: schema.Name}).Folder()
	tree.Mount(testkit.Namespace, folder, map[string]string{schema.Key: `{"required":["id"]}`})
	p := proxytest.ServeWith(t, tree, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)), func(r *routeconfig.Route) {
		r.Validation.JSONSchema = &routeconfig.JSONSchema{ConfigMap: &schema}
	}))
	want := `{"type":"https://fanout.dev/problems/invalid-body","title":"Body not valid","status":422,` +
		`"detail":"validation.jsonSchema of the route does not admit the body",` +
		`"errors":[{"pointer":"/id","rule":"jsonSchema","keyword":"required"}]}`
	got := p.Do(http.MethodPost, "orders", "/", `{"name":"canary"}`)
	if got.Status != http.StatusUnprocessableEntity || got.Body != want || got.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if n := b.Count(); n != 0 {
		t.Errorf("the backend got %d requests", n)
	}
	if got := p.Do(http.MethodPost, "orders", "/", `{"id":1}`); got.Status != http.StatusOK {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	tree.Mount(testkit.Namespace, folder, map[string]string{schema.Key: `{"required":["name"]}`})
	testkit.Eventually(t, "the new schema holds", func() bool {
		return p.Do(http.MethodPost, "orders", "/", `{"name":"x"}`).Status == http.StatusOK
	})
	tree.Mount(testkit.Namespace, folder, map[string]string{schema.Key: `{"required":"name"}`})
	testkit.Eventually(t, "the broken schema is told", func() bool {
		return strings.Contains(p.Ask("/status").Body, `"configMap":"schemas","key":"order.json","field":"spec.validation.jsonSchema.configMapKeyRef","stale":true`)
	})
	if got := p.Do(http.MethodPost, "orders", "/", `{"id":1}`); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("the last good schema is not in use: %d", got.Status)
	}
}
