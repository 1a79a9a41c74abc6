package desired

import (
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// tokenSeconds is how long a service account's token is good for. The kubelet renews it after
// four fifths of that.
const tokenSeconds = 3600

// tokens are volumes with a token of the Pod's service account, each for one audience. The
// token for the API server is not among them, and stays unmounted.
func tokens(in Input) (list []*corev1.VolumeApplyConfiguration) {
	for _, audience := range in.Compiled.Audiences() {
		list = append(list, corev1.Volume().WithName(volumeName(routeconfig.KindToken, audience)).
			WithProjected(corev1.ProjectedVolumeSource().WithDefaultMode(secretMode(in)).
				WithSources(corev1.VolumeProjection().
					WithServiceAccountToken(corev1.ServiceAccountTokenProjection().
						WithAudience(audience).WithExpirationSeconds(tokenSeconds).WithPath(routeconfig.TokenKey)))))
	}
	return list
}
