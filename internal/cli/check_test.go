package cli

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

func TestCheckSaysWhatIsNotAsItShouldBe(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"app.kubernetes.io/name": "fanout-operator"}
	operator := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "fanout-operator", Labels: labels}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "operator", Image: "fanout:2"}}}},
	}}
	proxy := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{v1alpha1.RouteLabel: "orders"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: v1alpha1.ProxyName, Image: "fanout:1"}}},
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "fanout-operator"}}
	c := objects(t, "check", operator, proxy, lease)
	look := func(want ...string) {
		t.Helper()
		out, errOut, err := command(t, "", "check", "--operator-namespace", "check", "--kubeconfig", kubeconfig)
		if failed := strings.Contains(out, "fail "); failed != (err != nil) || err != nil && !errors.Is(err, ErrReported) {
			t.Errorf("%v %s", err, errOut)
		}
		for _, line := range want {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), line) {
				t.Errorf("no %q in\n%s", line, out)
			}
		}
	}
	look("ok kubernetes v1.", "ok crd fanoutroutes.fanout.dev v1alpha1, as this fanoutctl knows it", "fail operator check/fanout-operator, 0 of 0 ready, fanout:2 → See why:",
		"warn proxies 1 of image fanout:1 → The operator runs fanout:2")
	operator.Status.Replicas, operator.Status.ReadyReplicas = 1, 1
	if err := c.Status().Update(t.Context(), operator); err != nil {
		t.Fatal(err)
	}
	look("ok operator check/fanout-operator, 1 of 1 ready, fanout:2")
	lease.Spec.RenewTime = new(metav1.NewMicroTime(time.Now().Add(-time.Hour)))
	if err := c.Update(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	look("fail operator check/fanout-operator, 1 of 1 ready, fanout:2, its Lease was renewed 60m ago → No operator leads")
	out, _, err := command(t, "", "check", "--operator-namespace", "nowhere", "--kubeconfig", kubeconfig, "-o", "json")
	if !errors.Is(err, ErrReported) || !strings.Contains(out, `"found": "no Deployment of it in namespace nowhere"`) {
		t.Errorf("%v %s", err, out)
	}
}

func TestCheckSaysWhetherFanoutCanBeInstalled(t *testing.T) {
	t.Parallel()
	release := regexp.MustCompile(`\bv1\.\d+\.\d+\S*`)
	out, _, err := command(t, "", "check", "--pre", "--kubeconfig", kubeconfig)
	if err != nil {
		t.Errorf("an administrator: %v", err)
	}
	testkit.Golden(t, filepath.Join("testdata", "check-pre.txt"), release.ReplaceAllString(out, "RELEASE"))
	nobody, stranger := filepath.Join(t.TempDir(), "nobody"), rest.CopyConfig(config)
	stranger.Impersonate.UserName = "stranger"
	if err := writeKubeconfig(nobody, stranger); err != nil {
		t.Fatal(err)
	}
	out, _, err = command(t, "", "check", "--pre", "--kubeconfig", nobody)
	if !errors.Is(err, ErrReported) {
		t.Errorf("somebody without rights: %v", err)
	}
	testkit.Golden(t, filepath.Join("testdata", "check-pre-stranger.txt"), release.ReplaceAllString(out, "RELEASE"))
	out, _, err = command(t, "", "check", "--kubeconfig", nobody)
	if err != nil || strings.Count(out, "warn") != 3 {
		t.Errorf("somebody who may read nothing: %v\n%s", err, out)
	}
}

// The CRD of another version than fanoutctl is told, and what to do about it. It has an API
// server of its own, since the others' need theirs as it is.
func TestCheckComparesTheDefinition(t *testing.T) {
	t.Parallel()
	config, stop, err := apiserver.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := writeKubeconfig(file, config); err != nil {
		t.Fatal(err)
	}
	scheme := apiserver.Scheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	definition.Name = "fanoutroutes.fanout.dev"
	for _, row := range []struct {
		name, want string
		change     func() error
	}{
		{"another schema", "warn crd fanoutroutes.fanout.dev v1alpha1 has another schema than this fanoutctl's → CRD, operator and fanoutctl should be of one version", func() error {
			definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Description = "of another version"
			return c.Update(t.Context(), definition)
		}},
		{"another version", "fail crd fanoutroutes.fanout.dev does not serve v1alpha1 → Install the CRD of the operator's version.", func() error {
			definition.Spec.Versions[0].Served = false
			return c.Update(t.Context(), definition)
		}},
		{"none", "fail crd fanoutroutes.fanout.dev is not installed → Install it: kubectl apply --server-side -k config/crd", func() error {
			return c.Delete(t.Context(), definition)
		}},
	} {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(definition), definition); err != nil {
			t.Fatal(err)
		}
		if err := row.change(); err != nil {
			t.Fatal(err)
		}
		out, _, err := command(t, "", "check", "--kubeconfig", file)
		for end := time.Now().Add(30 * time.Second); !strings.Contains(strings.Join(strings.Fields(out), " "), row.want); { // a CRD goes when its objects are gone
			if time.Now().After(end) {
				t.Fatalf("%s: it says\n%s", row.name, out)
			}
			out, _, err = command(t, "", "check", "--kubeconfig", file)
		}
		if !errors.Is(err, ErrReported) { // there is no operator either
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
