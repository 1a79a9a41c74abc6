package report

import (
	"fmt"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// illness says of a backend what it is, and its last failure where that is why.
func illness(b *v1alpha1.BackendStatus) string {
	text := fmt.Sprintf("%s is %s", b.Name, b.State)
	if b.State == v1alpha1.BackendFailing || b.State == v1alpha1.BackendOpen {
		text += because(b)
	}
	return text
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
