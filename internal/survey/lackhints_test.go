package survey

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Everything that a proxy lacks is told with its name, its key and what to do, once however
// many proxies lack it and though one reason stands for all.
func TestHintsNameWhatIsLacking(t *testing.T) {
	t.Parallel()
	const soon = ". Proxies see it within about two minutes."
	missing := []stats.MissingKey{
		{Secret: "two", Backend: "two"}, {Secret: "one", Key: "k", Backend: "one"}, {Secret: "callers", Field: "spec.authentication.apiKeys.secretName"},
		{Secret: "pair", Key: "tls.key", Message: "no pair", Stale: true}, {ConfigMap: "schema", Field: "spec.validation.jsonSchema.configMapKeyRef"},
		{Audience: "https://a", Backend: "w", Message: "allowedHosts does not cover a:443"}, {Audience: "https://b"}, {Issuer: "idp", Message: "connect"},
	}
	want := []string{
		`Create the Secret "two" for backend "two": kubectl -n shop create secret generic two --from-literal=KEY=VALUE` + soon,
		`Add the key "k" to the Secret "one" for backend "one": kubectl -n shop edit secret one, or create it` + soon,
		`Create the Secret "callers" (spec.authentication.apiKeys.secretName): kubectl -n shop create secret generic callers --from-literal=KEY=VALUE` + soon,
		`Mend the Secret "pair" (no pair): kubectl -n shop edit secret pair; the last good one is used meanwhile.`,
		`Create the ConfigMap "schema" (spec.validation.jsonSchema.configMapKeyRef): kubectl -n shop create configmap schema --from-file=FILE` + soon,
		`Let the service account's token for "https://a" be sent for backend "w": allowedHosts does not cover a:443.`,
		`See that the Pods are those that the operator has made last, and that the API server gives tokens for the audience "https://b": kubectl -n shop describe pods.`,
		`See that the keys of issuer "idp" can be fetched from the proxies' network (connect); callers' tokens are judged by the last good keys for at most 24 h.`,
	}
	f := &Walked{Namespace: "shop", Name: "orders", Pods: []PodState{{Name: "a", Missing: missing}, {Name: "b", Missing: missing}}}
	f.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: "False", Reason: v1alpha1.ReasonSecretMissing, Message: "x"},
		{Type: v1alpha1.ConditionResolvedRefs, Status: "False", Reason: v1alpha1.ReasonSecretMissing, Message: "x"},
	}
	if got := f.next(&v1alpha1.FanoutRoute{}); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for i := range 20 {
		f.Pods[0].Missing = append(f.Pods[0].Missing, stats.MissingKey{Secret: "s", Key: string(rune('a' + i))})
	}
	if got := f.next(&v1alpha1.FanoutRoute{}); len(got) != maxLacks {
		t.Errorf("%d are told", len(got))
	}
	f.Pods = nil
	f.Conditions[1].Message = `ConfigMap "c" lacks the key "s.json" (spec.x); Secret "two" is missing or empty for backend "two"; Secret "pair": tls.crt is none`
	want = []string{
		`Add the key "s.json" to the ConfigMap "c": kubectl -n shop edit configmap c, or create it` + soon,
		`Create the Secret "two" for backend "two": kubectl -n shop create secret generic two --from-literal=KEY=VALUE` + soon,
		`Mend the Secret "pair" (the condition says why): kubectl -n shop edit secret pair.`,
	}
	if got := f.next(&v1alpha1.FanoutRoute{}); !slices.Equal(got, want) {
		t.Errorf("where no proxy answers: %q\nwant %q", got, want)
	}
}
