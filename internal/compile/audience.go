package compile

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// audience is that of a service account's token. One for the API server would let a backend
// act as the account in the cluster.
func (c *compiler) audience(path *field.Path, audience string) string {
	if slices.Contains(c.options.APIAudiences, audience) || ofAPIServer(audience) {
		c.refuse(path, audience, "must not be that of the API server: the token would let the backend act in the cluster as the service account; "+
			"name what the backend, or its token endpoint, asks for")
	}
	return audience
}

// ofAPIServer reports whether an audience is one that API servers have where nobody tells them
// others, whatever else it may be: kubeadm and most others take the Service's name for issuer
// and audience, older kops its labels in another order, k3s and RKE2 their own name beside
// it. What one is told otherwise only its own tokens say, see Options.APIAudiences.
func ofAPIServer(audience string) bool {
	text := strings.ToLower(audience)
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		rest = text
	}
	host, _, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	host, _, _ = strings.Cut(host, ":")
	return strings.Contains(text, "kubernetes.default") ||
		slices.Contains([]string{"kubernetes", "kubernetes.svc.default", "kubernetes.svc", "k3s", "rke2"}, strings.TrimSuffix(host, "."))
}
