package report

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// withServices is a verdict on Secrets and on the Services that backends name. That one does
// not exist is known without any proxy.
func withServices(in Input, secrets verdict) verdict {
	var lines []string
	for i := range in.Route.Spec.Backends {
		b := &in.Route.Spec.Backends[i]
		if b.Service != nil && slices.Contains(in.Absent, b.Service.Name) {
			lines = append(lines, fmt.Sprintf("Service %q of backend %q does not exist in namespace %q", b.Service.Name, b.Name, in.Route.Namespace))
		}
	}
	stale := secrets.reason == v1alpha1.ReasonBackendNotFound // held, and nobody knows how much of it was on Secrets
	switch {
	case len(lines) == 0 && stale:
		return unknown(v1alpha1.ReasonPending, untold)
	case len(lines) == 0:
		return secrets
	case secrets.status == metav1.ConditionFalse && !stale:
		lines = append(lines, strings.Split(secrets.message, "; ")...)
	}
	return no(v1alpha1.ReasonBackendNotFound, joined(lines, "; "))
}

// untold is what is said of Secrets before any proxy was heard.
const untold = "No proxy has told yet which Secrets it holds"
