package rates

import (
	"testing"

	"github.com/fanout-operator/fanout/internal/stats"
)

// N2: another cause for a missing credential is news, and the same one at another time is not.
func TestN2WhyThereIsNoCredentialIsNews(t *testing.T) {
	t.Parallel()
	of := func(f stats.Failure) *Observation {
		return &Observation{Sum: stats.RouteReport{Backends: []stats.BackendReport{{Name: "one", LastFailure: &f}}}}
	}
	first := of(stats.Failure{Reason: "credential", Message: "token endpoint answered 401 invalid_client", AgeSeconds: 1})
	for want, f := range map[bool]stats.Failure{
		false: {Reason: "credential", Message: "token endpoint answered 401 invalid_client", AgeSeconds: 2},
		true:  {Reason: "credential", Message: "token endpoint answered 503", AgeSeconds: 1},
	} {
		if got := of(f).standsOtherwise(first); got != want {
			t.Errorf("%+v: news %v, want %v", f, got, want)
		}
	}
}
