package dashboard

import (
	"strconv"
	"strings"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

// served is a route as a proxy without an operator has it, in the words of one with.
func served(report *stats.Report, r *stats.RouteReport) Row {
	ill, known := illnesses(r)
	row := Row{Namespace: r.Namespace, Name: r.Name, Ready: "True", Reason: "Serving", Backends: strconv.Itoa(known-len(ill)) + "/" + strconv.Itoa(known)}
	switch {
	case len(r.Missing) > 0:
		lines := make([]string, len(r.Missing))
		for i := range r.Missing {
			lines[i] = rates.Missing(&r.Missing[i])
		}
		row.Ready, row.Reason, row.Message, row.Bad = "False", rates.MissingReason(r.Missing), strings.Join(lines, "; "), true
	case !report.Ready:
		row.Ready, row.Reason, row.Message, row.Bad = "False", "NotServing", "the proxy is not ready for calls; its /readyz says why", true
	case len(ill) > 0:
		row.Reason, row.Message, row.Bad = v1alpha1.ReasonBackendsFailing, strings.Join(ill, ", "), true
	}
	w := r.Windows.Of(stats.Window5m)
	f := ofCalls(&w)
	row.Success, row.Rate = f.Success, f.Rate
	row.P99 = stats.Short(w.Duration.Quantile(0.99))
	return row
}

// illnesses are what is wrong with backends, of those that are no shadows.
func illnesses(r *stats.RouteReport) (ill []string, known int) {
	for i := range r.Backends {
		b := &r.Backends[i]
		if b.Shadow {
			continue
		}
		known++
		state, why := StateOf(r, b), ""
		switch state {
		case v1alpha1.BackendHealthy, v1alpha1.BackendIdle, v1alpha1.BackendDegraded:
			continue
		case v1alpha1.BackendFailing, v1alpha1.BackendOpen:
			if b.LastFailure != nil {
				why = " (" + Told(b.LastFailure) + ")"
			}
		case v1alpha1.BackendSlow, v1alpha1.BackendMissingCredential:
		}
		ill = append(ill, b.Name+" is "+string(state)+why)
	}
	return ill, known
}

// StateOf judges a backend as the operator does, which remembers how it was before.
func StateOf(r *stats.RouteReport, b *stats.BackendReport) v1alpha1.BackendState {
	if rates.MissingOf(r.Missing, b.Name) != nil {
		return v1alpha1.BackendMissingCredential
	}
	return rates.Judge(b, "")
}

// Refuses says of a status that it is about the credential, where nobody here knows its Secret.
const Refuses = "it refuses the credential that it is shown"

// Told is a failure in words, as an operator writes it.
func Told(f *stats.Failure) string { return rates.Told(f, Refuses) }
