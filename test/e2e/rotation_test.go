package e2e

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// Case E1 of the field.
func TestE1OverlayFastRotation(t *testing.T) {
	installed(t, "fast-rotation.yaml")
	rotationUnderLoad(t, "fast-rotation", 10*time.Second)
}

// Case E1 of the field. The kubelet looks after its Secrets once a minute or so.
func TestE1LongRotationInTheDefaultInstall(t *testing.T) {
	rotationUnderLoad(t, "default install", 2*time.Minute)
}

// rotationUnderLoad rotates a Secret while calls go on. Each key stays good until all
// proxies use the next one, as a careful partner does.
func rotationUnderLoad(t *testing.T, install string, limit time.Duration) {
	t.Helper()
	s := newScene(t)
	agents := s.agents("one", "load")
	key := func(i int) string { return "key-" + strconv.Itoa(i) }
	s.secret("partner", map[string]string{"key": key(0)})
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
			Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "partner", Key: "key", Header: "X-API-Key"},
		}
	})
	s.ready("orders")
	agents[0].behave(map[string]any{"keys": []string{key(0)}})
	agents[1].load(s.url("orders"), 50, 5, false)
	const rounds = 3
	var took []time.Duration
	for i := 1; i <= rounds; i++ {
		agents[0].behave(map[string]any{"keys": []string{key(i - 1), key(i)}})
		edit(s, "partner", &corev1.Secret{}, func(x *corev1.Secret) { x.Data["key"] = []byte(key(i)) })
		rotated := time.Now()
		eventually(t, "the new key is used", func() bool { return !agents[0].seen().First[key(i)].IsZero() })
		took = append(took, agents[0].seen().First[key(i)].Sub(rotated))
		clean := 0 // moments in a row: either proxy may get few calls within one
		eventually(t, "the old key is used no more", func() bool {
			if clean++; !s.onlyUses(agents[0], key(i)) {
				clean = 0
			}
			return clean == 3
		})
	}
	total := agents[1].end()
	s.allGood(total)
	slices.Sort(took)
	figure(t, "Secret rotated under load → first use ("+install+")", "median %.2f s, max %.2f s of %d; %d calls, %d not 200",
		took[rounds/2].Seconds(), took[rounds-1].Seconds(), rounds, total.Sent, total.Sent-total.good())
	if took[rounds/2] > limit {
		t.Errorf("the median is %v, want at most %v", took[rounds/2], limit)
	}
}

// onlyUses allows the new key alone for a moment, without failing calls: it asks how
// often each key was used since the last look.
func (s *scene) onlyUses(backend *agent, key string) bool {
	s.t.Helper()
	recent := struct {
		Recent map[string]int `json:"recent"`
	}{}
	backend.control(http.MethodGet, "recent", nil, &recent)
	time.Sleep(500 * time.Millisecond)
	backend.control(http.MethodGet, "recent", nil, &recent)
	return len(recent.Recent) == 1 && recent.Recent[key] > 10
}

// A spec that names another Secret rolls the Pods. Those that do not have it mounted
// go on with the spec before, and no call is lost.
func TestNewSecretRollsWithoutLoss(t *testing.T) {
	s := newScene(t)
	agents := s.agents("one", "two", "load")
	agents[1].behave(map[string]any{"keys": []string{"secret"}})
	s.route("orders", []string{"one"})
	s.ready("orders")
	agents[2].load(s.url("orders"), 100, 10, false)
	s.secret("partner", map[string]string{"key": "secret"})
	edit(s, "orders", &v1alpha1.FanoutRoute{}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{
			Name: "two", Service: &v1alpha1.ServiceReference{Name: "two", Port: 8080},
			Authentication: &v1alpha1.BackendAuthentication{
				Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "partner", Key: "key", Header: "X-API-Key"},
			},
		})
	})
	s.rolledOut("orders-fanout")
	s.ready("orders")
	agents[2].sent(100)
	total := agents[2].end()
	s.allGood(total)
	if agents[1].seen().Count == 0 {
		t.Error("the new backend was not called")
	}
	figure(t, "backend with a new Secret added at 100 calls a second", "%d calls, %d not 200", total.Sent, total.Sent-total.good())
}
