package cli

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/survey"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

// objects makes a namespace of a name, and what is in it.
func objects(t *testing.T, namespace string, list ...client.Object) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: apiserver.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range append([]client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}}, list...) {
		if _, ok := object.(*corev1.Namespace); !ok {
			object.SetNamespace(namespace)
		}
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func routeOf(name string, backends ...string) *v1alpha1.FanoutRoute {
	r := &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, b := range backends {
		r.Spec.Backends = append(r.Spec.Backends, v1alpha1.Backend{Name: v1alpha1.BackendName(b), URL: "https://" + b + ".example.com/"})
	}
	return r
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now()}
}

// ageless is a text without ages and random names.
func ageless(text string) string {
	return regexp.MustCompile(`\b[\d.]+(µs|ms|s|m|h|d)\b`).ReplaceAllString(text, "AGE")
}

// A newcomer finds what is wrong with each route, and why, in one command.
func TestRoutesAndWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	good, missing, ill, unseen := routeOf("good", "one"), routeOf("missing", "one", "two"), routeOf("ill", "one"), routeOf("unseen", "one")
	old := metav1.NewMicroTime(time.Now().Add(-3 * time.Hour))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "missing-fanout-1", Labels: map[string]string{v1alpha1.RouteLabel: "missing"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: v1alpha1.ProxyName, Image: "i"}}},
	}
	event := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e"}, EventTime: metav1.NewMicroTime(time.Now()), Type: "Warning", Reason: "SecretMissing", Note: `Secret "two" is missing`,
		Action: "Look", ReportingController: "fanout", ReportingInstance: "fanout",
	}
	c := objects(t, "walk", good, missing, ill, unseen, pod, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "gone"}, Spec: coordinationv1.LeaseSpec{RenewTime: &old},
	})
	event.Namespace, event.Regarding = "walk", corev1.ObjectReference{Kind: v1alpha1.Kind, Namespace: "walk", Name: "missing", UID: missing.UID}
	if err := c.Create(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	all := []metav1.Condition{
		condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonReady, "The route serves the spec"),
		condition(v1alpha1.ConditionBackendsHealthy, "Unknown", v1alpha1.ReasonNoTraffic, "No backend was asked"),
	}
	good.Status = v1alpha1.FanoutRouteStatus{Conditions: all, Traffic: &v1alpha1.Traffic{SuccessRate: "99.5%", RequestRate: "12/s", Latency: &v1alpha1.Latency{P99: "30ms"}}}
	why := `Secret "two" is missing or empty for backend "two"`
	missing.Status = v1alpha1.FanoutRouteStatus{Operator: "walk/gone", Conditions: []metav1.Condition{
		condition(v1alpha1.ConditionReady, "False", v1alpha1.ReasonSecretMissing, why),
		condition(v1alpha1.ConditionResolvedRefs, "False", v1alpha1.ReasonSecretMissing, why),
		condition(v1alpha1.ConditionReconciling, "True", v1alpha1.ReasonReconciling, why),
	}, Backends: []v1alpha1.BackendStatus{
		{Name: "one", State: v1alpha1.BackendHealthy, SuccessRate: "100%"},
		{Name: "two", State: v1alpha1.BackendMissingCredential, LastFailure: &v1alpha1.LastFailure{Reason: "credential", Message: `Secret "two" is missing`}},
	}}
	ill.Status = v1alpha1.FanoutRouteStatus{Conditions: []metav1.Condition{
		condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonReady, "The route serves the spec"),
		condition(v1alpha1.ConditionBackendsHealthy, "False", v1alpha1.ReasonBackendsFailing, "Backend one is failing: status 503"),
	}, Backends: []v1alpha1.BackendStatus{{Name: "one", State: v1alpha1.BackendFailing, LastFailure: &v1alpha1.LastFailure{Message: "status 503"}}}}
	for _, r := range []*v1alpha1.FanoutRoute{good, missing, ill} {
		if err := c.Status().Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		args []string
		bad  bool
	}{
		"get":            {[]string{"get", "-n", "walk"}, false},
		"get-one":        {[]string{"get", "walk/missing", "-o", "json"}, false},
		"status-good":    {[]string{"status", "walk/good"}, false},
		"status-missing": {[]string{"status", "missing", "-n", "walk"}, true},
		"status-ill":     {[]string{"status", "walk/ill"}, true},
		"status-unseen":  {[]string{"status", "walk/unseen"}, true},
	} {
		out, errOut, err := command(t, "", append(row.args, "--kubeconfig", kubeconfig)...)
		if (err != nil) != row.bad || err != nil && !errors.Is(err, ErrReported) {
			t.Errorf("%s: %v %s", name, err, errOut)
		}
		testkit.Golden(t, filepath.Join("testdata", name+".txt"), ageless(out))
	}
	out, _, err := command(t, "", "status", "walk/missing", "-o", "json", "--kubeconfig", kubeconfig)
	found := survey.Walked{}
	if !errors.Is(err, ErrReported) || json.Unmarshal([]byte(out), &found) != nil || len(found.Next) != 3 || len(found.Pods) != 1 || found.Pods[0].Silent == "" {
		t.Errorf("as JSON: %v %s", err, out)
	}
	out, _, _ = command(t, "", "__complete", "status", "-n", "walk", "--kubeconfig", kubeconfig, "m")
	if !strings.HasPrefix(out, "missing\n") || strings.Contains(out, "good") {
		t.Errorf("completion of m: %q", out)
	}
	out, _, _ = command(t, "", "__complete", "status", "--kubeconfig", kubeconfig, "walk/m")
	if !strings.HasPrefix(out, "walk/missing\n") || strings.Contains(out, "good") {
		t.Errorf("completion of walk/m: %q", out)
	}
}

// Errors say what to do next.
func TestWhatCannotBeAsked(t *testing.T) {
	nobody := filepath.Join(t.TempDir(), "nobody")
	stranger := rest.CopyConfig(config)
	stranger.Impersonate.UserName = "stranger"
	if err := writeKubeconfig(nobody, stranger); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"no cluster":           {[]string{"get"}, "no kubeconfig has a current context: name one by KUBECONFIG, --kubeconfig or --context, or a standalone proxy by --admin"},
		"no cluster to try":    {[]string{"try", "orders"}, "no kubeconfig has a current context: name one by KUBECONFIG, --kubeconfig or --context, or what to call by --url"},
		"no right":             {[]string{"get", "--kubeconfig", nobody}, "list routes: the cluster role view, bound in the namespace, gives the right: "},
		"no right to one":      {[]string{"status", "orders", "--kubeconfig", nobody}, "get route shop/orders: the cluster role view"},
		"no right to its logs": {[]string{"logs", "orders", "--kubeconfig", nobody}, "list the Pods of the route: the cluster role view"},
		"no such route":        {[]string{"status", "lab/orders", "--kubeconfig", kubeconfig}, `get route lab/orders: fanoutroutes.fanout.dev "orders" not found`},
		"no Pod with a log":    {[]string{"logs", "orders", "--kubeconfig", kubeconfig}, `no Pod of namespace "shop" is of a route "orders": see fanoutctl status`},
		"an output":            {[]string{"get", "-o", "yaml", "--kubeconfig", kubeconfig}, `output "yaml" is neither table nor json`},
		"another output":       {[]string{"status", "a", "-o", "yaml", "--kubeconfig", kubeconfig}, `output "yaml" is neither text nor json`},
		"two namespaces":       {[]string{"status", "a/b", "-n", "c", "--kubeconfig", kubeconfig}, `"a/b" names a namespace, and so does a flag`},
		"no name":              {[]string{"status", "--kubeconfig", kubeconfig}, "name one route, as NAME or NAMESPACE/NAME, not 0: fanoutctl get lists them"},
	} {
		_, _, err := command(t, "", row.args...)
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	if out, _, _ := command(t, "", "__complete", "status", "--kubeconfig", nobody, ""); strings.Contains(out, "\n:") && !strings.HasPrefix(out, ":") {
		t.Errorf("completion without a right: %q", out)
	}
}
