package proxy

import (
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// certificates are those that the route shows, and when they end.
func (r *route) certificates(now time.Time) (list []stats.CertificateReport) {
	for _, d := range r.reads {
		if d.use != routeconfig.UseKeyPair {
			continue
		}
		if life := d.Life(now); !life.Ends.IsZero() {
			_, name := d.Object()
			list = append(list, stats.CertificateReport{Secret: name, Backend: d.backend, Ends: life.Ends.UTC()})
		}
	}
	return list
}
