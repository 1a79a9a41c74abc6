package report_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
)

func told(status v1alpha1.FanoutRouteStatus, kind string) string {
	c := meta.FindStatusCondition(status.Conditions, kind)
	return string(c.Status) + " " + c.Reason + ": " + c.Message
}

// R12, N2, N4: a Secret that is missing, a key that is, and one that cannot be used are
// three things.
func TestR12WhatIsWrongWithASecret(t *testing.T) {
	t.Parallel()
	for want, missing := range map[string][]stats.MissingKey{
		`False SecretMissing: Secret "s" is missing or empty for backend "one"`:                            {{Secret: "s", Backend: "one"}},
		`False SecretMissing: Secret "s" lacks the key "k" for backend "one"`:                              {{Secret: "s", Key: "k", Backend: "one"}},
		`False SecretUnusable: Secret "s": allowedHosts does not cover api:443 for backend "one"`:          {{Secret: "s", Key: "allowedHosts", Backend: "one", Message: "allowedHosts does not cover api:443"}},
		`False SecretMissing: Secret "r" is missing or empty for backend "two"; Secret "s": key "k" holds`: {{Secret: "s", Key: "k", Backend: "one", Message: `key "k" holds`}, {Secret: "r", Backend: "two"}},
	} {
		status := report.Status(input(func(in *report.Input) { in.Seen.Sum.Missing = missing }))
		if got := told(status, "ResolvedRefs"); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if status.Backends[0].State != v1alpha1.BackendMissingCredential {
			t.Errorf("%s: the backend is %s", want, status.Backends[0].State)
		}
	}
}

// A token of the service account is no Secret, and told by its audience. What is missing has
// the reason of a Secret that is, and its backend lacks the credential all the same.
func TestWhatIsWrongWithAServiceAccountToken(t *testing.T) {
	t.Parallel()
	const sts = "https://sts.example.com"
	for want, missing := range map[string]stats.MissingKey{
		`False SecretMissing: service-account token "https://sts.example.com" is missing or empty for backend "one"`:                               {Audience: sts, Backend: "one"},
		`False SecretMissing: service-account token "https://sts.example.com" lacks the key "token" for backend "one"`:                             {Audience: sts, Key: "token", Backend: "one"},
		`False SecretUnusable: service-account token "https://sts.example.com": allowedHosts does not cover idp.example.com:443 for backend "one"`: {Audience: sts, Backend: "one", Message: "allowedHosts does not cover idp.example.com:443"},
	} {
		status := report.Status(input(func(in *report.Input) { in.Seen.Sum.Missing = []stats.MissingKey{missing} }))
		if got := told(status, "ResolvedRefs"); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if status.Backends[0].State != v1alpha1.BackendMissingCredential {
			t.Errorf("%s: the backend is %s", want, status.Backends[0].State)
		}
	}
}

// A ConfigMap that is missing, or broken, is told like a Secret, and no backend is ill for
// it. What hurts most is the reason.
func TestWhatIsWrongWithAConfigMap(t *testing.T) {
	t.Parallel()
	gone, broken := stats.MissingKey{ConfigMap: "c", Key: "k"}, stats.MissingKey{ConfigMap: "c", Key: "k", Message: "no schema", Stale: true}
	bad, lost := stats.MissingKey{Secret: "s", Message: "unfit"}, stats.MissingKey{Secret: "s"}
	for want, missing := range map[string][]stats.MissingKey{
		`False ConfigMapMissing: ConfigMap "c" is missing or empty`:                                              {{ConfigMap: "c"}},
		`False ConfigMapMissing: ConfigMap "c" lacks the key "k"`:                                                {gone, broken, bad},
		`False SecretMissing: Secret "s" is missing or empty (spec.authentication.apiKeys.secretName)`:           {{Secret: "s", Field: "spec.authentication.apiKeys.secretName"}},
		`False ConfigMapMissing: ConfigMap "c" is missing or empty (spec.validation.jsonSchema.configMapKeyRef)`: {{ConfigMap: "c", Field: "spec.validation.jsonSchema.configMapKeyRef"}},
		`False ConfigMapUnusable: ConfigMap "c": no schema; what was there before stays in use`:                  {broken},
		`False SecretUnusable: ConfigMap "c": no schema; what was there before stays in use; Secret "s"`:         {broken, bad},
		`False SecretMissing: ConfigMap "c" lacks the key "k"; Secret "s" is missing or empty`:                   {gone, lost},
	} {
		status := report.Status(input(func(in *report.Input) { in.Seen.Sum.Missing = missing }))
		if got := told(status, "ResolvedRefs"); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if status.Backends[0].State == v1alpha1.BackendMissingCredential {
			t.Errorf("%s: the backend lacks a credential", want)
		}
	}
}

// N2: why there was no credential is the message of the last failure.
func TestN2LastFailureSaysWhy(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for _, row := range []struct {
		failure stats.Failure
		want    string
	}{
		{stats.Failure{Reason: "credential", Message: "token endpoint answered 401 invalid_client"}, "credential: token endpoint answered 401 invalid_client"},
		{stats.Failure{Reason: "timeout", Message: "token endpoint has not answered in time"}, "timeout: token endpoint has not answered in time"},
		{stats.Failure{Reason: "credential", Message: long}, ("credential: " + long)[:253] + "…"},
		{stats.Failure{Reason: "status", Status: 503}, "status 503"},
	} {
		status := report.Status(input(func(in *report.Input) { in.Seen.Sum.Backends[1].LastFailure = &row.failure }))
		if got := status.Backends[1].LastFailure.Message; got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

// R1: a backend that refuses the credential is Failing, with the Secret's name; one of which
// nothing comes is not well without a word.
func TestR1BackendsThatRefuseUsAreNotHealthy(t *testing.T) {
	t.Parallel()
	ref := &v1alpha1.SecretReference{SecretName: "partner"}
	failed := func(n uint64) map[stats.Reason]uint64 { return map[stats.Reason]uint64{"status": n} }
	for name, row := range map[string]struct {
		answers        stats.Answers
		failure        *stats.Failure
		authentication *v1alpha1.BackendAuthentication
		state          v1alpha1.BackendState
		message, want  string
	}{
		"OAuth2": {stats.Answers{Failed: failed(9), Faulty: 9}, &stats.Failure{Reason: "status", Status: 401, Refused: true},
			&v1alpha1.BackendAuthentication{OAuth2: &v1alpha1.OAuth2{SecretName: "partner"}}, "Failing",
			`status 401: it refuses the credential of Secret "partner"`, `False BackendsFailing: two is Failing (status 401: it refuses the credential of Secret "partner")`},
		"APIKey": {stats.Answers{Failed: failed(9), Faulty: 9}, &stats.Failure{Reason: "status", Status: 403, Refused: true},
			&v1alpha1.BackendAuthentication{APIKey: &v1alpha1.APIKey{SecretName: "partner"}}, "Failing",
			`status 403: it refuses the credential of Secret "partner"`, `False BackendsFailing: two is Failing (status 403: it refuses the credential of Secret "partner")`},
		"Basic": {stats.Answers{Succeeded: 90, Failed: failed(9), Faulty: 9}, &stats.Failure{Reason: "status", Status: 403, Refused: true},
			&v1alpha1.BackendAuthentication{Basic: ref}, "Degraded", `status 403: it refuses the credential of Secret "partner"`, `True BackendsHealthy: No backend is failing`},
		"Bearer": {stats.Answers{Failed: failed(9), Faulty: 9}, &stats.Failure{Reason: "timeout"},
			&v1alpha1.BackendAuthentication{Bearer: ref}, "Failing", `timeout`, `False BackendsFailing: two is Failing (timeout)`},
		"401 of one without a credential": {stats.Answers{Failed: failed(9)}, &stats.Failure{Reason: "status", Status: 401}, nil, "Healthy",
			"status 401", `True BackendsHealthy: No backend is at fault, but two succeeds at 0% (status 401)`},
		"404 mostly": {stats.Answers{Succeeded: 9, Failed: failed(91)}, &stats.Failure{Reason: "status", Status: 404}, nil, "Healthy",
			"status 404", `True BackendsHealthy: No backend is at fault, but two succeeds at 9% (status 404)`},
		"404 often": {stats.Answers{Succeeded: 10, Failed: failed(90)}, &stats.Failure{Reason: "status", Status: 404}, nil, "Healthy",
			"status 404", `True BackendsHealthy: No backend is failing`},
	} {
		status := report.Status(input(func(in *report.Input) {
			in.Route.Spec.Backends[1].Authentication = row.authentication
			in.Seen.Sum.Backends[1] = answers("two", row.answers)
			in.Seen.Sum.Backends[1].LastFailure = row.failure
		}))
		two := status.Backends[1]
		if two.State != row.state || two.LastFailure.Message != row.message {
			t.Errorf("%s: %s, %q; want %s, %q", name, two.State, two.LastFailure.Message, row.state, row.message)
		}
		if got := told(status, "BackendsHealthy"); got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}
