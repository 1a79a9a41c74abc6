package report

import (
	"fmt"
	"time"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// certified is the verdict on references of which none is missing. A certificate that ends soon
// is no fault yet, and one that has ended is: whoever is shown it does not take it any more.
func certified(in Input) verdict {
	const held = "The proxies hold every Secret and ConfigMap that the spec names"
	var over, soon []string
	for i := range in.Seen.Ending {
		c := &in.Seen.Ending[i]
		if in.Now.Time.Before(c.Ends) {
			soon = append(soon, ends(c, "ends"))
		} else {
			over = append(over, ends(c, "has ended"))
		}
	}
	switch {
	case len(over) > 0:
		return no(v1alpha1.ReasonCertificateExpired, joined(append(over, soon...), "; "))
	case len(soon) > 0:
		return yes(v1alpha1.ReasonCertificateExpiring, held+"; "+joined(soon, "; "))
	}
	return yes(v1alpha1.ReasonResolvedRefs, held)
}

func ends(c *stats.CertificateReport, when string) string {
	shown := "the listener"
	if c.Backend != "" {
		shown = fmt.Sprintf("backend %q", c.Backend)
	}
	return fmt.Sprintf("the certificate of Secret %q for %s %s %s", c.Secret, shown, when, c.Ends.UTC().Format(time.DateOnly))
}
