package report

import (
	"fmt"
	"strings"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
)

// illness says of a backend what it is, and why: its last failure, or what it lacks.
func illness(in Input, b *v1alpha1.BackendStatus) string {
	text := fmt.Sprintf("%s is %s", b.Name, b.State)
	switch b.State {
	case v1alpha1.BackendFailing, v1alpha1.BackendOpen:
		text += because(b)
	case v1alpha1.BackendMissingCredential:
		text += lacks(in, string(b.Name))
	case v1alpha1.BackendHealthy, v1alpha1.BackendDegraded, v1alpha1.BackendSlow, v1alpha1.BackendIdle:
	}
	return text
}

// lacks is the first of what keeps a backend from having its credential.
func lacks(in Input, backend string) string {
	if in.Seen == nil {
		return ""
	}
	m := rates.MissingOf(in.Seen.Sum.Missing, backend)
	if m == nil {
		return ""
	}
	line, _ := strings.CutSuffix(rates.Missing(m), fmt.Sprintf(" for backend %q", backend))
	return " (" + Cut(line, maxFailure) + ")"
}

func because(b *v1alpha1.BackendStatus) string {
	if b.LastFailure == nil {
		return ""
	}
	return " (" + b.LastFailure.Message + ")"
}

// nearNothing is the success rate, in percent, below which a backend is not called well
// without a word: what it answers is no fault of its own, and of no use either.
const nearNothing = 10

func fails(b *v1alpha1.BackendStatus) bool {
	rate := number(b.SuccessRate, "%")
	return rate >= 0 && rate < nearNothing
}
