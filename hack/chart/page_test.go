package main

import (
	"strings"
	"testing"
)

// The page is on loopback and adds nothing to reach it by, or has a certificate and is behind a Service
// for readers whom the API server knows.
func TestThePageIsOnLoopbackOrBehindTLS(t *testing.T) {
	t.Parallel()
	open := render(t, "second", "shop", "--set", "dashboard.enabled=true,namespaces={shop},crds.install=false,userRoles.create=false")
	if args := strings.Join(operatorPod(t, open).Spec.Containers[0].Args, " "); !strings.Contains(args, "--dashboard=127.0.0.1:9092") || strings.Contains(args, "--dashboard-") {
		t.Errorf("without a certificate: %s", args)
	}
	find(t, open, "Role", "second-page-events")
	for _, u := range open {
		if u.GetNamespace() == "" || u.GetKind() == "Service" {
			t.Errorf("on loopback there is %s", id(u))
		}
	}
	behind := render(t, "fanout", "fanout-system", everything...)
	find(t, behind, "Service", "fanout-page")
	find(t, behind, "ClusterRoleBinding", "fanout-page")
	find(t, behind, "ClusterRoleBinding", "fanout-page-events")
	pod := operatorPod(t, behind).Spec
	if args := strings.Join(pod.Containers[0].Args, " "); !strings.Contains(args, "--dashboard=:9444 --dashboard-tls=/etc/fanout/page --dashboard-hosts=fanout-page.fanout-system.svc,fanout.example.com") {
		t.Errorf("with a certificate: %s", args)
	}
	if v := pod.Volumes; len(v) != 1 || v[0].Secret.SecretName != "page-tls" || !*v[0].Secret.Optional || pod.Containers[0].VolumeMounts[0].Name != v[0].Name || pod.Containers[0].VolumeMounts[0].MountPath != "/etc/fanout/page" {
		t.Errorf("the certificate is mounted as %+v", v)
	}
	if v := operatorPod(t, render(t, "fanout", "fanout-system")).Spec; len(v.Volumes)+len(v.Containers[0].VolumeMounts) > 0 || strings.Contains(strings.Join(v.Containers[0].Args, " "), "dashboard") {
		t.Errorf("by default there is a page: %+v", v)
	}
}
