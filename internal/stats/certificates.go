package stats

import (
	"slices"
	"time"
)

// maxCertificates is how many a report names: the listener's, and two of each backend.
const maxCertificates = 1 + 2*maxBackends

// lastEnd is what is later than any certificate can end (RFC 5280, section 4.1.2.5).
func lastEnd() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// addCertificates adds another proxy's, as many as a report may name. While a Secret reaches one
// proxy after the other they differ, and the one that ends first is told.
func addCertificates(to, from []CertificateReport) []CertificateReport {
	for _, c := range from {
		at := slices.IndexFunc(to, func(r CertificateReport) bool { return r.Secret == c.Secret && r.Backend == c.Backend })
		switch {
		case at >= 0:
			if c.Ends.Before(to[at].Ends) {
				to[at].Ends = c.Ends
			}
		case len(to) < maxCertificates:
			to = append(to, c)
		}
	}
	return to
}

// certificates is what a foreign report says of those that the route's spec names, each once.
func (b *RouteBounds) certificates(list []CertificateReport) (out []CertificateReport) {
	for _, c := range list {
		again := slices.ContainsFunc(out, func(o CertificateReport) bool { return o.Secret == c.Secret && o.Backend == c.Backend })
		if again || !known(b.Secrets, c.Secret) || c.Backend != "" && !known(b.Backends, c.Backend) ||
			c.Ends.IsZero() || c.Ends.After(lastEnd()) || len(out) == maxCertificates {
			continue
		}
		out = append(out, CertificateReport{Secret: cut(c.Secret, maxKey), Backend: cut(c.Backend, maxKey), Ends: c.Ends.UTC().Truncate(time.Second)})
	}
	return out
}
