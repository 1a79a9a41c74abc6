package survey

import (
	"fmt"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Standalone is a route as a proxy at an address has it that no operator minds: without
// conditions and events, and without states but those that follow from what it lacks, from its
// circuit breakers, and from failures of half of the answers of five minutes.
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
		found.Next = append(found.Next, "Give the proxy what it lacks: "+dashboard.Lacks(&r.Missing[i])+".")
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
		Latency: &v1alpha1.Latency{P50: stats.Short(w.Duration.Quantile(0.50)), P95: stats.Short(w.Duration.Quantile(0.95)), P99: stats.Short(w.Duration.Quantile(0.99))},
	}
	if f := of.LastFailure; f != nil {
		b.LastFailure = &v1alpha1.LastFailure{Reason: string(f.Reason), Message: told(f), Time: metav1.NewTime(f.Time)}
	}
	if dashboard.Fails(of) {
		b.State = v1alpha1.BackendFailing
	}
	for i := range r.Missing {
		if r.Missing[i].Backend == of.Name && !r.Missing[i].Stale {
			b.State = v1alpha1.BackendMissingCredential
		}
	}
	if of.Circuit == stats.CircuitOpen {
		b.State = v1alpha1.BackendOpen
	}
	return b
}

// told is a failure in words, as an operator writes it.
func told(f *stats.Failure) string {
	text := string(f.Reason)
	if f.Status != 0 {
		text += " " + strconv.Itoa(f.Status)
	}
	if f.Message != "" {
		text = fmt.Sprintf("%s: %s", text, f.Message)
	}
	return text
}
