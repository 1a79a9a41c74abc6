package gitops

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What Flux makes of the samples, with `wait: true` and `prune: true`. Each part but the
// last begins and ends with the samples as they are.
func TestFlux(t *testing.T) {
	openShop(t)
	f := newFlux(t)
	begun := time.Now()
	revision := f.deliver(t, samples(t))
	f.applied(t, revision)
	figure(t, "Flux: samples pushed → applied and ready", "%.1f s", time.Since(begun).Seconds())
	if ready := conditionOf(route(t), "Ready"); ready.Status != "True" {
		t.Fatalf("Flux is ready with a route that is %v", ready)
	}
	settled(t)
	t.Run("finds no drift while the status is written", f.noDrift)
	t.Run("repairs drift", f.repairsDrift)
	t.Run("shows the words of the schema", f.refusedBySchema)
	t.Run("fails early where the operator refuses", f.refusedByOperator)
	t.Run("is never ready without an operator", f.withoutOperator)
	t.Run("and kubectl and Helm own the same fields", f.besideOthers)
	t.Run("prunes", f.prunes)
}

// noDrift lets a backend fail and heal under load, so that the status is written as often as
// its budget lets: twice a minute, once it has got over the rollout.
func (f flux) noDrift(t *testing.T) {
	load := map[string]any{
		"url": "http://orders-fanout." + shop + ".svc:8080/orders", "headers": map[string]string{"X-API-Key": "demo-caller-key"},
		"perSecond": 50, "workers": 5, "keepAlive": true,
	}
	since, flipped, loaded := time.Now(), time.Time{}, time.Time{}
	before := route(t)
	for flips := 0; time.Since(since) < *watchFor; time.Sleep(200 * time.Millisecond) {
		if time.Since(loaded) > 10*time.Minute { // an agent's load ends after 20
			order(t, "caller", "POST", "load", load)
			loaded = time.Now()
		}
		if time.Since(flipped) > 20*time.Second {
			order(t, "api-one", "PUT", "behaviour", map[string]any{"status": []int{500, 200}[flips%2]})
			flips, flipped = flips+1, time.Now()
		}
		if ready, _ := f.state(t); ready.Status == "False" {
			t.Fatalf("Flux is not ready: %v", ready)
		}
	}
	order(t, "caller", "DELETE", "load", nil)
	order(t, "api-one", "PUT", "behaviour", map[string]any{})
	if after := route(t); after.GetGeneration() != before.GetGeneration() || after.GetResourceVersion() == before.GetResourceVersion() {
		t.Errorf("the generation was %d and is %d, the version %s and %s: want the same spec and another status",
			before.GetGeneration(), after.GetGeneration(), before.GetResourceVersion(), after.GetResourceVersion())
	}
	if counts := requests(t, since); counts != nil {
		passes, statuses := counts["kustomize-controller patch fanoutroutes dry"], counts["fanout-operator patch fanoutroutes/status"]
		figure(t, "Flux: drift in "+watchFor.String(), "%d corrections in %d passes, beside %d status writes", corrections(counts), passes, statuses)
		if corrections(counts) > 0 || passes < 3 || statuses < max(1, int(watchFor.Minutes())-1) {
			t.Errorf("want no correction in several passes beside a status write a minute: %v", counts)
		}
	}
	settled(t)
}

// corrections is how often Flux wrote.
func corrections(counts map[string]int) (n int) {
	for what, count := range counts {
		if strings.HasPrefix(what, "kustomize-controller ") && !strings.HasSuffix(what, " dry") &&
			!strings.HasPrefix(what, "kustomize-controller get ") {
			n += count
		}
	}
	return n
}

// patch changes the route behind Flux's back, as kubectl edit does.
func patch(t *testing.T, content string) {
	t.Helper()
	if err := kube.Patch(t.Context(), route(t), client.RawPatch("application/merge-patch+json", []byte(content)), client.FieldOwner("kubectl-edit")); err != nil {
		t.Fatal(err)
	}
}

func (f flux) repairsDrift(t *testing.T) {
	want := text(t, route(t))
	patch(t, `{"spec":{"proxy":{"replicas":3}}}`)
	took := eventually(t, "the edit is undone", func() bool { return text(t, route(t)) == want })
	figure(t, "Flux: an edit by hand → undone, at an interval of 5 s", "%.1f s", took.Seconds())
	before := route(t)
	if err := kube.Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	recreated(t, before)
	settled(t)
}

// recreated waits until the route is another one than before.
func recreated(t *testing.T, before *unstructured.Unstructured) {
	t.Helper()
	eventually(t, "the route is there again", func() bool {
		u, err := find(t.Context(), "fanout.dev/v1alpha1", "FanoutRoute", shop, "orders")
		return err == nil && u.GetUID() != before.GetUID()
	})
}

// refusedBySchema: what the schema refuses is in Flux's condition in our words.
func (f flux) refusedBySchema(t *testing.T) {
	begun := time.Now()
	ready, _ := f.verdict(t, f.deliver(t, samples(t).with(t, "orders.yaml", "BestEffort", "Quorum, quorum: {count: 3}")))
	figure(t, "Flux: a spec that the schema refuses, pushed → not ready", "%.1f s: %s", time.Since(begun).Seconds(), ready.Message)
	if ready.Status != "False" || ready.Reason != "ReconciliationFailed" ||
		!strings.Contains(ready.Message, "dispatch.successPolicy.quorum.count must not exceed the number of backends that are no shadows") {
		t.Errorf("Flux says %v", ready)
	}
	f.applied(t, f.deliver(t, samples(t)))
}

// refusedByOperator: Flux's package ssa has no place for the message of a condition. That it
// fails at once, not at its timeout, is what Stalled is for; the words are the route's.
func (f flux) refusedByOperator(t *testing.T) {
	begun := time.Now()
	bad := samples(t).with(t, "orders.yaml", "service: {name: api-two, port: 8080, path: /data}", "url: http://api.lab.svc/")
	ready, _ := f.verdict(t, f.deliver(t, bad))
	figure(t, "Flux: a spec that the operator refuses, pushed → not ready", "%.1f s", time.Since(begun).Seconds())
	const want = ": failed early due to stalled resources: [FanoutRoute/shop/orders status: 'Failed']"
	if ready.Status != "False" || ready.Reason != "HealthCheckFailed" || !strings.HasSuffix(ready.Message, want) {
		t.Errorf("Flux says %v, want …%s", ready, want)
	}
	stalled := conditionOf(route(t), "Stalled")
	if stalled.Status != "True" || !strings.Contains(stalled.Message, "spec.backends[1].url") {
		t.Errorf("the route says %v", stalled)
	}
	if health := argoHealth(t, route(t)); health["status"] != "Degraded" || health["message"] != stalled.Message {
		t.Errorf("Argo CD says %v, want Degraded with the route's words %q", health, stalled.Message)
	}
	f.applied(t, f.deliver(t, samples(t)))
}

// withoutOperator: an edit and a new route, and nobody who looks at them.
func (f flux) withoutOperator(t *testing.T) {
	defer scaleOperator(t, 2)
	scaleOperator(t, 0)
	next := samples(t).with(t, "orders.yaml", "timeout: 2s", "timeout: 3s")
	next["more.yaml"] = strings.Replace(next["orders.yaml"], "name: orders", "name: more", 1)
	next = next.with(t, "kustomization.yaml", "- orders.yaml\n", "- orders.yaml\n- more.yaml\n")
	ready, _ := f.verdict(t, f.deliver(t, next))
	const want = ": timeout waiting for: [FanoutRoute/shop/more status: 'InProgress', FanoutRoute/shop/orders status: 'InProgress']"
	if ready.Status != "False" || !strings.HasSuffix(ready.Message, want) && !strings.HasSuffix(ready.Message, swapped(want)) {
		t.Errorf("Flux says %v, want …%s", ready, want)
	}
	if health := argoHealth(t, route(t)); health["status"] != "Progressing" {
		t.Errorf("Argo CD says %v, want Progressing", health)
	}
	hold(t, "Flux is not ready without an operator", 6*time.Second, func() bool { ready, _ := f.state(t); return ready.Status != "True" })
	scaleOperator(t, 2)
	f.applied(t, f.push(t, next))
	settled(t)
	f.applied(t, f.deliver(t, samples(t)))
	settled(t)
}

// swapped has the two routes the other way round: Flux lists them in no order.
func swapped(message string) string {
	return strings.NewReplacer("shop/more", "shop/orders", "shop/orders", "shop/more").Replace(message)
}

func (f flux) prunes(t *testing.T) {
	begun := time.Now()
	f.applied(t, f.deliver(t, samples(t).with(t, "kustomization.yaml", "- orders.yaml\n", "")))
	eventually(t, "the route is gone, and its proxies", func() bool {
		_, err := find(t.Context(), "fanout.dev/v1alpha1", "FanoutRoute", shop, "orders")
		d := &appsv1.DeploymentList{}
		return err != nil && client.IgnoreNotFound(err) == nil && kube.List(t.Context(), d, client.InNamespace(shop)) == nil && len(d.Items) == 0
	})
	figure(t, "Flux: route taken out and pushed → pruned, with its children", "%.1f s", time.Since(begun).Seconds())
}
