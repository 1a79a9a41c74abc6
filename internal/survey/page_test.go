package survey

import (
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/stats"
)

// A lane says of its last failure what the operator knows of the same one, and when the proxies saw
// it; of another one it says what they say.
func TestLanesSayWhyTheyFailed(t *testing.T) {
	t.Parallel()
	const refused = `status 403: it refuses the credential of Secret "two"`
	for name, row := range map[string]struct {
		seen  *stats.Failure
		known string
		want  string
	}{
		"the same":       {&stats.Failure{Reason: "status", Status: 403, AgeSeconds: 2}, refused, refused + ", 2s ago"},
		"as proxies say": {&stats.Failure{Reason: "status", Status: 403, Refused: true, AgeSeconds: 2}, refused, refused + ", 2s ago"},
		"another status": {&stats.Failure{Reason: "status", Status: 500, AgeSeconds: 2}, refused, "status 500, 2s ago"},
		"a longer one":   {&stats.Failure{Reason: "status", Status: 40, AgeSeconds: 2}, refused, "status 40, 2s ago"},
		"no news":        {&stats.Failure{Reason: "timeout", AgeSeconds: 90}, "timeout", "timeout, 1m ago"},
		"none":           {nil, refused, ""},
	} {
		found := &Walked{
			Backends: []v1alpha1.BackendStatus{{Name: "two", State: v1alpha1.BackendFailing, LastFailure: &v1alpha1.LastFailure{Message: row.known}}},
			reports:  []*stats.Report{{Routes: []stats.RouteReport{{Namespace: "shop", Name: "orders", Backends: []stats.BackendReport{{Name: "two", LastFailure: row.seen}}}}}},
		}
		out := &dashboard.Route{}
		addFigures(out, found)
		if len(out.Backends) != 1 || out.Backends[0].LastFailure != row.want || out.Backends[0].State != "Failing" {
			t.Errorf("%s: %+v, want %q", name, out.Backends, row.want)
		}
	}
}

// A hint about a credential names no failure of another time.
func TestHintsAboutCredentials(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"": "Backend two is not asked without its credential.",
		`credential: Secret "two" is missing or empty`: `Backend two is not asked without its credential: Secret "two" is missing or empty.`,
	} {
		b := &v1alpha1.BackendStatus{Name: "two", State: v1alpha1.BackendMissingCredential, LastFailure: &v1alpha1.LastFailure{Reason: "status", Message: "status 500"}}
		if message != "" {
			b.LastFailure = &v1alpha1.LastFailure{Reason: "credential", Message: message}
		}
		if got := backendHint(b); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
