package rates

import (
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

// That a certificate ends within 14 days is news, and that it has ended; that it goes on ending
// is none.
func TestEndsOfCertificatesAreNews(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	at := func(now time.Time) *Observation {
		o := &Observation{Sum: stats.RouteReport{Certificates: []stats.CertificateReport{{Secret: "orders-tls", Ends: end}}}}
		o.foresee(now)
		return o
	}
	const day = 24 * time.Hour
	far, soon, sooner, over := at(end.Add(-15*day)), at(end.Add(-13*day)), at(end.Add(-day)), at(end)
	if len(far.Ending) != 0 || len(soon.Ending) != 1 || soon.Expired != 0 || over.Expired != 1 {
		t.Errorf("%v, %v, %v", far.Ending, soon, over)
	}
	if !soon.changed(far) || sooner.changed(soon) || !over.changed(sooner) || !far.changed(soon) {
		t.Error("what is news is not, or the other way round")
	}
}
