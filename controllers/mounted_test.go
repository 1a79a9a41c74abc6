package controllers

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// The Secret that says where tokens of a service account may be sent is watched as those that
// a route names: by the account of the route's own Pods, or of those that have the sidecar.
func TestSecretsOfServiceAccountsAreWatched(t *testing.T) {
	t.Parallel()
	pods := func(accounts ...string) (list []seenPod) {
		for _, account := range accounts {
			list = append(list, seenPod{object: &corev1.Pod{Spec: corev1.PodSpec{ServiceAccountName: account}}})
		}
		return list
	}
	for name, row := range map[string]struct {
		mode      v1alpha1.ProxyMode
		account   string
		audiences []string
		pods      []seenPod
		want      []string
	}{
		"no token is shown":           {v1alpha1.ModeDeployment, "caller", nil, pods("caller"), []string{"s"}},
		"of an account":               {v1alpha1.ModeDeployment, "caller", []string{"a"}, nil, []string{"caller.fanout-hosts", "s"}},
		"of the default one":          {v1alpha1.ModeDeployment, "", []string{"a"}, pods("default", "default"), []string{"default.fanout-hosts", "s"}},
		"Pods of before have another": {v1alpha1.ModeDeployment, "caller", []string{"a"}, pods("before", "caller"), []string{"before.fanout-hosts", "caller.fanout-hosts", "s"}},
		"of the applications":         {v1alpha1.ModeSidecar, "caller", []string{"a"}, pods("shop", "till", "shop"), []string{"s", "shop.fanout-hosts", "till.fanout-hosts"}},
	} {
		route := &v1alpha1.FanoutRoute{}
		route.Spec.Proxy.Mode, route.Spec.Proxy.Template = row.mode, &v1alpha1.PodTemplate{ServiceAccountName: row.account}
		s := &scope{route: route, secrets: []string{"s"}, audiences: row.audiences, pods: row.pods}
		if got := s.mounted(); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}
