package cli

import (
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/testkit"
)

const federated = `
apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: orders, namespace: shop}
spec:
  backends:
  - {name: one, url: "https://one.example.com/", authentication: {type: WorkloadIdentity, workloadIdentity: {audience: "https://one.example.com"}}}
`

// A route that shows a token of a service account is well formed, and nothing that can be
// served here.
func TestRunHasNoServiceAccount(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"lint": "",
		"run": `FanoutRoute shop/orders: spec.backends[one].authentication.workloadIdentity.audience: ` +
			`there is no service account outside of a cluster, and so no token for "https://one.example.com": show something else here`,
	} {
		out, stderr := &testkit.Log{}, &testkit.Log{}
		root := New(strings.NewReader(federated), out, stderr)
		root.SetArgs([]string{command, "-f", "-"})
		err := root.ExecuteContext(t.Context())
		if said := out.String() + stderr.String(); (err == nil) != (want == "") || !strings.Contains(said, want) {
			t.Errorf("%s: %v, said %s, want %s", command, err, said, want)
		}
	}
}
