package report

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

func traffic(in Input) *v1alpha1.Traffic {
	before := in.Route.Status.Traffic
	if holds(in) {
		return before
	}
	if in.Seen == nil {
		return nil
	}
	w := in.Seen.Sum.Windows.Of(rates.Window)
	if w.Calls.Decided()+w.Calls.Refused == 0 {
		return nil
	}
	rate, ok := w.Calls.SuccessRate()
	now := &v1alpha1.Traffic{
		Window:      rates.Window,
		RequestRate: within(stats.PerSecond(w.Calls.Decided(), w.Seconds), 32),
		SuccessRate: within(stats.Percent(rate, ok), 8),
		Latency:     latency(w.Duration),
	}
	if refused, _ := w.Calls.RefusedRate(); refused > 0 {
		now.RefusedRate = within(atLeast(stats.Percent(refused, true)), 8)
		if list := stats.Frequent(in.Seen.Sum.Refused); len(list) > 0 {
			now.RefusedFor = within(list[0].Reason, 40)
		}
	}
	if before != nil && before.Window == now.Window && before.RefusedFor == now.RefusedFor && near(trafficFigures(before), trafficFigures(now)) {
		return before
	}
	return now
}

// atLeast is a share of refused calls, of which some are: one in ten thousand is not none.
func atLeast(percent string) string {
	if percent == "0%" {
		return "0.1%"
	}
	return percent
}

func latency(h stats.Histogram) *v1alpha1.Latency {
	if h.Total() == 0 {
		return nil
	}
	at := func(q float64) string { return within(stats.Short(h.Quantile(q)), 16) }
	return &v1alpha1.Latency{P50: at(0.50), P95: at(0.95), P99: at(0.99)}
}

// backends are those of the spec, in its order.
func backends(in Input) []v1alpha1.BackendStatus {
	list := make([]v1alpha1.BackendStatus, len(in.Route.Spec.Backends))
	for i := range in.Route.Spec.Backends {
		name := in.Route.Spec.Backends[i].Name
		list[i] = backend(in, &in.Route.Spec.Backends[i], backendOf(&in.Route.Status, name))
	}
	return list
}

// backendOf is what a status says of a backend, if anything.
func backendOf(status *v1alpha1.FanoutRouteStatus, name v1alpha1.BackendName) *v1alpha1.BackendStatus {
	for i := range status.Backends {
		if status.Backends[i].Name == name {
			return &status.Backends[i]
		}
	}
	return &v1alpha1.BackendStatus{}
}

func backend(in Input, spec *v1alpha1.Backend, before *v1alpha1.BackendStatus) v1alpha1.BackendStatus {
	name := spec.Name
	out := v1alpha1.BackendStatus{Name: name, State: v1alpha1.BackendIdle}
	if holds(in) && before.Name != "" {
		return *before
	}
	if in.Seen == nil {
		return out
	}
	for i := range in.Seen.Sum.Backends {
		if b := &in.Seen.Sum.Backends[i]; b.Name == string(name) {
			w := b.Windows.Of(rates.Window)
			out.State = rates.Judge(b, before.State)
			rate, ok := w.Answers.SuccessRate()
			out.SuccessRate = within(stats.Percent(rate, ok), 8)
			if w.Answers.Total() > 0 {
				out.RequestRate = within(stats.PerSecond(w.Answers.Total(), w.Seconds), 32)
			}
			out.Latency = latency(w.Duration)
			out.LastFailure = lastFailure(b.LastFailure, spec.Authentication)
		}
	}
	if rates.MissingOf(in.Seen.Sum.Missing, string(name)) != nil {
		out.State = v1alpha1.BackendMissingCredential
	}
	if keeps(before, &out) {
		out.LastFailure = before.LastFailure
	}
	if before.State == out.State && near(backendFigures(before), backendFigures(&out)) {
		out.SuccessRate, out.RequestRate, out.Latency = before.SuccessRate, before.RequestRate, before.Latency
	}
	return out
}

// keeps reports whether the failure that is shown stays: a newer one of the same
// kind, in the same state, is no news.
func keeps(before, now *v1alpha1.BackendStatus) bool {
	if before.LastFailure == nil {
		return false
	}
	if now.LastFailure == nil {
		return true // the proxy that told of it is gone
	}
	return before.State == now.State && before.LastFailure.Reason == now.LastFailure.Reason &&
		before.LastFailure.Message == now.LastFailure.Message
}

// lastFailure is made of reason and status, and of why the proxy has no credential: what a
// backend writes must not reach a status.
func lastFailure(f *stats.Failure, shown *v1alpha1.BackendAuthentication) *v1alpha1.LastFailure {
	if f == nil {
		return nil
	}
	refuses := ""
	if secret := secretOf(shown); secret != "" {
		refuses = fmt.Sprintf("it refuses the credential of Secret %q", secret)
	}
	return &v1alpha1.LastFailure{Reason: Cut(string(f.Reason), 32), Message: Cut(rates.Told(f, refuses), maxFailure), Time: metav1.NewTime(f.Time.UTC().Truncate(time.Second))}
}

// maxFailure is the longest message of a failure, in bytes.
const maxFailure = 256

// secretOf is the name of the Secret that a backend is shown, empty for none.
func secretOf(a *v1alpha1.BackendAuthentication) string {
	switch {
	case a == nil:
		return ""
	case a.OAuth2 != nil:
		return string(a.OAuth2.SecretName)
	case a.APIKey != nil:
		return string(a.APIKey.SecretName)
	case a.Basic != nil:
		return string(a.Basic.SecretName)
	case a.Bearer != nil:
		return string(a.Bearer.SecretName)
	}
	return ""
}

// counted are the states of those backends that are no shadows.
func counted(in Input, states []v1alpha1.BackendStatus) []v1alpha1.BackendStatus {
	var list []v1alpha1.BackendStatus
	for i := range states {
		if in.Route.Spec.Backends[i].Shadow == nil {
			list = append(list, states[i])
		}
	}
	return list
}

func well(s v1alpha1.BackendState) bool { return ill(s) < beyondUse }

// How ill a backend is.
const (
	noFault = iota
	someFaults
	beyondUse
)

func ill(s v1alpha1.BackendState) int {
	switch s {
	case v1alpha1.BackendHealthy, v1alpha1.BackendIdle, "":
		return noFault
	case v1alpha1.BackendDegraded:
		return someFaults
	default:
		return beyondUse
	}
}

// healthy is how many backends are known to be well, of how many; nothing where nothing is
// known of any.
func healthy(list []v1alpha1.BackendStatus) string {
	n, known := 0, false
	for i := range list {
		if list[i].State == v1alpha1.BackendIdle {
			continue
		}
		known = true
		if well(list[i].State) {
			n++
		}
	}
	if !known {
		return ""
	}
	return fmt.Sprintf("%d/%d", n, len(list))
}
