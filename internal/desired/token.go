package desired

import (
	"cmp"

	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// defaultAccount is that of Pods that name none.
const defaultAccount = "default"

// tokenSeconds is how long a service account's token is good for. The kubelet renews it after
// four fifths of that.
const tokenSeconds = 3600

// tokens are volumes with a token of the Pod's service account, each for one audience, and
// where it may be sent. The token for the API server is not among them, and stays unmounted.
func tokens(in Input) (list []*corev1.VolumeApplyConfiguration) {
	hosts := corev1.SecretProjection().WithName(routeconfig.TokenHosts(account(in))).WithOptional(true)
	for _, key := range []string{"allowedHosts", "allowedTokenHosts"} {
		hosts.WithItems(corev1.KeyToPath().WithKey(key).WithPath(key))
	}
	for _, audience := range in.Compiled.Audiences() {
		list = append(list, corev1.Volume().WithName(volumeName(routeconfig.KindToken, audience)).
			WithProjected(corev1.ProjectedVolumeSource().WithDefaultMode(secretMode(in)).
				WithSources(
					corev1.VolumeProjection().WithServiceAccountToken(corev1.ServiceAccountTokenProjection().
						WithAudience(audience).WithExpirationSeconds(tokenSeconds).WithPath(routeconfig.TokenKey)),
					corev1.VolumeProjection().WithSecret(hosts))))
	}
	return list
}

// tokenArgs tell the proxy the name of the Secret that binds its tokens, where it has any.
func tokenArgs(in Input) []string {
	if len(in.Compiled.Audiences()) == 0 {
		return nil
	}
	return []string{"--token-hosts=" + routeconfig.TokenHosts(account(in))}
}

// account is the service account that the Pod runs as: the API server's default where nobody
// names one.
func account(in Input) string {
	if in.Route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		return cmp.Or(in.Account, defaultAccount)
	}
	return Account(in.Route)
}

// Account is the service account of the Pods that are the route's own.
func Account(route *v1alpha1.FanoutRoute) string {
	return cmp.Or(value(route.Spec.Proxy.Template).ServiceAccountName, defaultAccount)
}
