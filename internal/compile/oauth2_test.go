package compile_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
)

// No route gets a token for the API server.
func TestAudiencesAreNotTheAPIServers(t *testing.T) {
	t.Parallel()
	for audience, refused := range map[string]bool{
		"https://kubernetes.default.svc.cluster.local": true, "https://Kubernetes.default.svc": true, "kubernetes.default": true,
		"https://idp.example.com": false, "kubernetes": false,
	} {
		_, errs := compile.Route(route(func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
				Type: v1alpha1.AuthenticationWorkloadIdentity, WorkloadIdentity: &v1alpha1.WorkloadIdentity{Audience: audience},
			}
		}), compile.Options{})
		const want = "workloadIdentity.audience: Invalid value"
		if refused != (len(errs) > 0) || refused && !strings.Contains(errs.ToAggregate().Error(), want) {
			t.Errorf("%s: %v", audience, errs)
		}
	}
}
