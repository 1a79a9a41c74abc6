package compile_test

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
)

// No route gets a token for the API server, by the audiences that it has by default and those
// that it is known to have.
func TestAudiencesAreNotTheAPIServers(t *testing.T) {
	t.Parallel()
	for audience, refused := range map[string]bool{
		"https://kubernetes.default.svc.cluster.local": true, "https://Kubernetes.default.svc": true, "kubernetes.default": true,
		"https://kubernetes.default.svc.example.org/": true, "https://kubernetes.default.svc:443": true, "kubernetes": true, "https://kubernetes": true,
		"kubernetes.svc.default": true, "https://kubernetes.svc": true, "k3s": true, "rke2": true, "https://kubernetes./": true,
		"https://oidc.example.com/id/1": true, "api": true,
		"https://idp.example.com": false, "kubernetes.example.com": false, "https://idp.example.com/kubernetes": false, "https://oidc.example.com/id/2": false,
		"sts.amazonaws.com": false, "vault": false, "API": false,
	} {
		_, errs := compile.Route(route(func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0].Authentication = &v1alpha1.BackendAuthentication{
				Type: v1alpha1.AuthenticationWorkloadIdentity, WorkloadIdentity: &v1alpha1.WorkloadIdentity{Audience: audience},
			}
		}), compile.Options{APIAudiences: []string{"https://oidc.example.com/id/1", "api"}})
		const want = "workloadIdentity.audience: Invalid value"
		if refused != (len(errs) > 0) || refused && !strings.Contains(errs.ToAggregate().Error(), want) {
			t.Errorf("%s: %v", audience, errs)
		}
	}
}
