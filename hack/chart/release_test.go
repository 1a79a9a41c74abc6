package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

// cluster is an API server with the CRD, which all tests of this file share. Nothing runs
// in it: Helm writes objects, and does not wait for Pods.
type cluster struct {
	client.Client
	kubeconfig string
}

var (
	start  sync.Once
	shared cluster
	stop   = func() {}
	failed error
)

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	os.Exit(code)
}

func server(t *testing.T) cluster {
	t.Helper()
	if os.Getenv("HELM") == "" {
		t.Skip("HELM is not set: `make lint-chart` builds helm and runs this")
	}
	start.Do(func() {
		config, end, err := apiserver.Start()
		if failed = err; err != nil {
			return
		}
		stop = end
		dir, err := os.MkdirTemp("", "fanout-chart")
		if failed = err; err != nil {
			return
		}
		stop = func() { end(); _ = os.RemoveAll(dir) }
		shared.kubeconfig = filepath.Join(dir, "kubeconfig")
		if failed = writeKubeconfig(config, shared.kubeconfig); failed == nil {
			shared.Client, failed = client.New(config, client.Options{Scheme: apiserver.Scheme()})
		}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return shared
}

func writeKubeconfig(config *rest.Config, file string) error {
	c := clientcmdapi.NewConfig()
	c.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	c.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	c.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	c.CurrentContext = "x"
	return clientcmd.WriteToFile(*c, file)
}

// helm runs a command about a release in a namespace, which is made where there is none.
func (c cluster) helm(t *testing.T, namespace string, args ...string) error {
	t.Helper()
	c.namespace(t, namespace, nil)
	_, err := helm(t, append(args, "--namespace", namespace, "--kubeconfig", c.kubeconfig)...)
	return err
}

func (c cluster) namespace(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if err := c.Create(t.Context(), n); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

func (c cluster) deployment(t *testing.T, namespace string) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "fanout-operator"}, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// scale is what `kubectl scale` does.
func (c cluster) scale(t *testing.T, namespace string, n int32) {
	t.Helper()
	d := c.deployment(t, namespace)
	d.Spec.Replicas = &n
	if err := c.Update(t.Context(), d, client.FieldOwner("kubectl")); err != nil {
		t.Fatal(err)
	}
}

// Q12: an operator that was scaled by hand is upgraded and rolled back by Helm, which
// applies on the server, and keeps its number.
func TestQ12ScaledByHandIsUpgradedAndRolledBack(t *testing.T) {
	t.Parallel()
	c := server(t)
	const namespace, release = "q12", "q12"
	if err := c.helm(t, namespace, "install", release, chart(), "--set", "crds.install=false"); err != nil {
		t.Fatal(err)
	}
	c.scale(t, namespace, 3)
	for _, step := range [][]string{
		{"upgrade", release, chart(), "--set", "crds.install=false,image.tag=v9"},
		{"rollback", release, "1"},
		{"upgrade", release, chart(), "--set", "crds.install=false,image.tag=v9"},
	} {
		if err := c.helm(t, namespace, step...); err != nil {
			t.Fatalf("helm %s: %v", step[0], err)
		}
		d := c.deployment(t, namespace)
		if *d.Spec.Replicas != 3 {
			t.Errorf("after helm %s there are %d operators, want the 3 that were set by hand", step[0], *d.Spec.Replicas)
		}
		if want := map[string]string{"upgrade": "fanout.dev/fanout:v9", "rollback": "fanout.dev/fanout:v0.1.0"}[step[0]]; d.Spec.Template.Spec.Containers[0].Image != want {
			t.Errorf("after helm %s the image is %s, want %s", step[0], d.Spec.Template.Spec.Containers[0].Image, want)
		}
	}
	// Whoever gives the number to Helm is told of the conflict, and --force-conflicts ends it.
	owned := []string{"upgrade", release, chart(), "--set", "crds.install=false,replicas=2"}
	if err := c.helm(t, namespace, owned...); err == nil || !strings.Contains(err.Error(), ".spec.replicas") {
		t.Errorf("a number that somebody else owns: error %v, want a conflict on .spec.replicas", err)
	}
	if err := c.helm(t, namespace, append(owned, "--force-conflicts")...); err != nil {
		t.Error(err)
	}
	if n := *c.deployment(t, namespace).Spec.Replicas; n != 2 {
		t.Errorf("after --force-conflicts there are %d operators", n)
	}
}

// R6: a release of one namespace beside one of the cluster, and gone again, leaves the
// first one whole. A second one in the same namespace is refused.
func TestR6SecondRelease(t *testing.T) {
	t.Parallel()
	c := server(t)
	if err := c.helm(t, "r6", "install", "r6", chart(), "--set", "crds.install=false,sidecar.enabled=true"); err != nil {
		t.Fatal(err)
	}
	whole := func(when string) {
		t.Helper()
		for _, u := range render(t, "r6", "r6", "--set", "crds.install=false,sidecar.enabled=true") {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
	c.namespace(t, "r6-shop", nil)
	for _, second := range [][]string{
		{"--set", "crds.install=false,namespaces={r6-shop},sidecar.enabled=true"},
		{"--set", "crds.install=false,namespaces={r6-shop},userRoles.create=false"},
	} {
		if err := c.helm(t, "r6-shop", append([]string{"install", "r6-second", chart()}, second...)...); err != nil {
			t.Fatalf("a second release with %v: %v", second, err)
		}
		whole("with a second release")
		if err := c.helm(t, "r6-shop", "uninstall", "r6-second"); err != nil {
			t.Fatal(err)
		}
		whole("after a second release has gone")
	}
	if err := c.helm(t, "r6", "install", "r6-third", chart(), "--set", "crds.install=false"); err == nil || !strings.Contains(err.Error(), "invalid ownership metadata") {
		t.Errorf("a second release in a namespace, where it would share the Lease: error %v", err)
	}
}

// R6: what kubectl has installed from manifests becomes a release, which keeps the number
// of operators and is upgraded like any other.
func TestR6FromManifestsToHelm(t *testing.T) {
	t.Parallel()
	c := server(t)
	manifest, err := os.ReadFile(filepath.Join(testkit.Root(), "dist", "install.yaml"))
	if err != nil {
		t.Fatalf("%v: `make install.yaml` writes it", err)
	}
	list := objects(t, string(manifest))
	for _, u := range list {
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u.DeepCopy()), client.FieldOwner("kubectl"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
	install := []string{"install", "fanout", chart(), "--take-ownership", "--force-conflicts"}
	if err := c.helm(t, "fanout-system", install...); err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			t.Fatal(err)
		}
		if u.GetKind() != "Namespace" && u.GetAnnotations()["meta.helm.sh/release-name"] != "fanout" {
			t.Errorf("%s is not the release's", id(u))
		}
	}
	if err := c.helm(t, "fanout-system", "upgrade", "fanout", chart(), "--force-conflicts", "--set", "image.tag=v9"); err != nil {
		t.Fatal(err)
	}
	d := c.deployment(t, "fanout-system")
	if *d.Spec.Replicas != 2 || d.Spec.Template.Spec.Containers[0].Image != "fanout.dev/fanout:v9" {
		t.Errorf("there are %d operators of %s, want 2 of v9", *d.Spec.Replicas, d.Spec.Template.Spec.Containers[0].Image)
	}
}

// R5: the API server takes every object, with every value set, and knows all of its fields.
func TestR5APIServerTakesEveryValue(t *testing.T) {
	t.Parallel()
	c := server(t)
	c.namespace(t, "r5", nil)
	c.namespace(t, "r5-shop", nil)
	for _, values := range [][]string{nil, {"--set", "namespaces={r5-shop}"}} {
		for _, u := range render(t, "r5", "r5", slices.Concat(everything, values, []string{"--set", "crds.install=false"})...) {
			if strings.HasPrefix(u.GetAPIVersion(), "monitoring.coreos.com/") { // which are not here
				continue
			}
			if err := c.Create(t.Context(), u, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
				t.Errorf("%s: %v", id(u), err)
			}
		}
	}
}

// Q2: OpenShift's restricted-v2 takes the operator's Pod where the user is left out, and
// refuses it otherwise.
func TestQ2RestrictedV2TakesTheOperator(t *testing.T) {
	t.Parallel()
	c := server(t)
	policies, err := os.ReadFile(filepath.Join(testkit.Root(), "test", "e2e", "testdata", "restricted-v2.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range objects(t, string(policies)) {
		if err := c.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	c.namespace(t, "openshift", map[string]string{"fanout.dev/e2e-scc": "restricted-v2"})
	create := func(values ...string) error {
		template := operatorPod(t, render(t, "fanout", "openshift", values...))
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "openshift", GenerateName: "operator-", Labels: template.Labels}, Spec: template.Spec}
		return c.Create(t.Context(), pod, client.DryRunAll)
	}
	testkit.Eventually(t, "a Pod with a user of its own is refused", func() bool {
		err := create()
		return err != nil && strings.Contains(err.Error(), "runAsUser")
	})
	if err := create("--set", "omitUser=true,sidecar.enabled=true,fastRotation.enabled=true"); err != nil {
		t.Errorf("a Pod without: %v", err)
	}
}
