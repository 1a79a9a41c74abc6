package controllers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Many refused calls are an event, once an hour, that says how many and why; and a certificate
// that is about to end is one.
func TestRefusedCallsAndEndingCertificatesAreEvents(t *testing.T) {
	t.Parallel()
	route, first := serving(t, "https://one.example.com/", func(r *v1alpha1.FanoutRoute) {
		r.Spec.Listener.TLS = &v1alpha1.ListenerTLS{SecretName: "orders-tls"}
	})
	counted := newTally(t, route)
	end := time.Now().Add(13 * 24 * time.Hour).UTC().Truncate(time.Second)
	refuse := func(n uint64, reason string) {
		counted.mu.Lock()
		defer counted.mu.Unlock()
		r := &counted.report.Routes[0]
		r.Windows = stats.Windowed(stats.Window5m, stats.CallsWindow{Seconds: 300, Calls: stats.Calls{Complete: 1000 - n, Refused: n}})
		r.Refused = []stats.RefusalReport{{Reason: reason, Count: n}}
	}
	refuse(40, "rate-limited")
	feignPod(t, route, func(w http.ResponseWriter, poll int32) { counted.serve(w, poll) })
	becomes(t, keyOf(route), "Ready", metav1.ConditionTrue, "Ready")
	counted.mu.Lock()
	counted.report.Routes[0].Certificates = []stats.CertificateReport{{Secret: "orders-tls", Ends: end}}
	counted.mu.Unlock()
	becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionTrue, "CertificateExpiring")
	says := `; the certificate of Secret "orders-tls" for the listener ends ` + end.Format(time.DateOnly) + "\n"
	testkit.Eventually(t, "the end is told", func() bool {
		return strings.HasSuffix(notesOf(t, route, v1alpha1.ReasonCertificateExpiring), says)
	})
	if eventsOf(t, route, v1alpha1.ReasonCallsRefused) > 0 {
		t.Error("4 % are told")
	}
	refuse(125, "token-expired")
	counted.mu.Lock()
	counted.report.Routes[0].Certificates = nil // news that is shown at once
	counted.mu.Unlock()
	testkit.Eventually(t, "the refused calls are told", func() bool {
		return notesOf(t, route, v1alpha1.ReasonCallsRefused) == "12.5% of 1000 calls within 5m were refused: 125 token-expired\n"
	})
	becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs")
	refuse(500, "loop")
	counted.mu.Lock()
	counted.report.Routes[0].Missing = []stats.MissingKey{{Secret: "orders-tls"}}
	counted.mu.Unlock()
	becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionFalse, "SecretMissing")
	if n := eventsOf(t, route, v1alpha1.ReasonCallsRefused); n != 1 {
		t.Errorf("%d events within the hour", n)
	}
	first.stop()
	startOperator(t, route.Namespace)
	counted.mu.Lock()
	counted.report.Routes[0].Missing = nil
	counted.mu.Unlock()
	becomes(t, keyOf(route), "ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs") // by one that has heard of them
	if n := eventsOf(t, route, v1alpha1.ReasonCallsRefused); n != 1 {
		t.Errorf("%d events after a restart within the hour", n)
	}
}
