package survey

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Standalone is a route as a proxy at an address has it that no operator minds: without
// conditions and events. Its backends are judged as an operator judges them that has just begun.
func Standalone(at string, report *stats.Report, r *stats.RouteReport) *Walked {
	proxy := PodState{Name: at, State: "Ready", Document: report.Document, Refused: report.Refused, Missing: r.Missing}
	if !report.Ready {
		proxy.State = "NotReady"
	}
	found := &Walked{
		Namespace: r.Namespace, Name: r.Name, Conditions: []metav1.Condition{}, Events: []Event{}, Pods: []PodState{proxy}, Backends: []v1alpha1.BackendStatus{}, Next: []string{},
	}
	if !report.Ready {
		found.Next = append(found.Next, "The proxy is not ready for calls: ask it why, curl "+strings.TrimSuffix(at, "/")+"/readyz.")
	}
	for i := range r.Missing {
		hint := rates.Missing(&r.Missing[i])
		if r.Missing[i].Issuer == "" {
			hint += ": mend that in the manifests of fanoutctl run, which takes it over with --watch, or in the proxy's folder"
		}
		found.Next = append(found.Next, hint+".")
	}
	if report.Refused != "" {
		found.Next = append(found.Next, "Change the manifests: the proxy goes on with those of before, since it refuses them: "+report.Refused+".")
	}
	for i := range r.Backends {
		b := standaloneBackend(r, &r.Backends[i])
		found.Backends = append(found.Backends, b)
		if hint := backendHint(&b); hint != "" {
			found.Next = append(found.Next, hint)
		}
	}
	return found
}

func standaloneBackend(r *stats.RouteReport, of *stats.BackendReport) v1alpha1.BackendStatus {
	w := of.Windows.Of(stats.Window5m)
	share, ok := w.Answers.SuccessRate()
	b := v1alpha1.BackendStatus{
		Name: v1alpha1.BackendName(of.Name), SuccessRate: stats.Percent(share, ok), RequestRate: stats.PerSecond(w.Answers.Total(), w.Seconds),
		State:   dashboard.StateOf(r, of),
		Latency: &v1alpha1.Latency{P50: stats.Short(w.Duration.Quantile(0.50)), P95: stats.Short(w.Duration.Quantile(0.95)), P99: stats.Short(w.Duration.Quantile(0.99))},
	}
	if f := of.LastFailure; f != nil {
		b.LastFailure = &v1alpha1.LastFailure{Reason: string(f.Reason), Message: dashboard.Told(f), Time: metav1.NewTime(f.Time)}
	}
	return b
}
