package report_test

import (
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/stats"
)

// A certificate that ends within 14 days is told while all is well, and is a fault once it has.
func TestCertificatesThatEnd(t *testing.T) {
	t.Parallel()
	at := func(days int) time.Time { return now.Add(time.Duration(days) * 24 * time.Hour) }
	for name, row := range map[string]struct {
		ending []stats.CertificateReport
		want   string
		ready  string
	}{
		"none": {nil, "True ResolvedRefs: The proxies hold every Secret and ConfigMap that the spec names", "True Ready: The route serves the spec"},
		"soon": {[]stats.CertificateReport{{Secret: "orders-tls", Ends: at(13)}, {Secret: "me", Backend: "one", Ends: at(2)}},
			"True CertificateExpiring: The proxies hold every Secret and ConfigMap that the spec names; " +
				`the certificate of Secret "me" for backend "one" ends 2026-01-04; the certificate of Secret "orders-tls" for the listener ends 2026-01-15`,
			"True Ready: The route serves the spec"},
		"over": {[]stats.CertificateReport{{Secret: "orders-tls", Ends: at(13)}, {Secret: "me", Backend: "one", Ends: at(-1)}},
			`False CertificateExpired: the certificate of Secret "me" for backend "one" has ended 2026-01-01; the certificate of Secret "orders-tls" for the listener ends 2026-01-15`,
			`False CertificateExpired: the certificate of Secret "me" for backend "one" has ended 2026-01-01; the certificate of Secret "orders-tls" for the listener ends 2026-01-15`},
	} {
		status := report.Status(input(func(in *report.Input) { in.Seen.Ending = row.ending }))
		if got := told(status, "ResolvedRefs"); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
		if got := told(status, "Ready"); got != row.ready {
			t.Errorf("%s: %s, want %s", name, got, row.ready)
		}
	}
	missing := report.Status(input(func(in *report.Input) {
		in.Seen.Ending = []stats.CertificateReport{{Secret: "orders-tls", Ends: at(-1)}}
		in.Seen.Sum.Missing = []stats.MissingKey{{Secret: "s", Backend: "one"}}
	}))
	if got := told(missing, "ResolvedRefs"); got != `False SecretMissing: Secret "s" is missing or empty for backend "one"` {
		t.Errorf("where one is missing: %s", got)
	}
}

// Over 5 % of the calls of five minutes, and no fewer than ten, are worth telling, with what they
// were refused for.
func TestCallsRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		calls stats.Calls
		why   []stats.RefusalReport
		want  string
	}{
		"none":      {stats.Calls{Complete: 100}, nil, ""},
		"5 %":       {stats.Calls{Complete: 950, Refused: 50}, nil, ""},
		"nine":      {stats.Calls{Complete: 9, Refused: 9}, nil, ""},
		"more":      {stats.Calls{Complete: 420, Refused: 60}, []stats.RefusalReport{{Reason: "token-expired", Count: 20}, {Reason: "rate-limited", Count: 40}}, "12.5% of 480 calls within 5m were refused: 40 rate-limited, 20 token-expired"},
		"all":       {stats.Calls{Refused: 10}, []stats.RefusalReport{{Reason: "a", Count: 4}, {Reason: "b", Count: 3}, {Reason: "c", Count: 2}, {Reason: "d", Count: 1}}, "100% of 10 calls within 5m were refused: 4 a, 3 b, 2 c and 1 reasons more"},
		"of an old": {stats.Calls{Refused: 10}, nil, "100% of 10 calls within 5m were refused"},
	} {
		in := input(func(in *report.Input) {
			in.Seen.Sum.Windows.Set(rates.Window, stats.CallsWindow{Seconds: 300, Calls: row.calls})
			in.Seen.Sum.Refused = row.why
		})
		if got, many := report.CallsRefused(in.Seen); got != row.want || many != (row.want != "") {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
		tr := report.Status(in).Traffic
		if row.calls.Refused == 0 != (tr.RefusedRate == "") || len(row.why) > 0 != (tr.RefusedFor != "") {
			t.Errorf("%s: %+v", name, tr)
		}
	}
	if _, many := report.CallsRefused(nil); many {
		t.Error("where nothing was seen calls are refused")
	}
}

// A share of refused calls that moves by a point is told, one that wavers is not, and one in ten
// thousand is not none.
func TestRefusedRateMoves(t *testing.T) {
	t.Parallel()
	of := func(refused uint64, why string) report.Input {
		return input(func(in *report.Input) {
			in.Seen.Sum.Windows.Set(rates.Window, stats.CallsWindow{Seconds: 300, Calls: stats.Calls{Complete: 100_000 - refused, Refused: refused}})
			in.Seen.Sum.Refused = []stats.RefusalReport{{Reason: why, Count: refused}}
		})
	}
	before := report.Status(of(4000, "rate-limited"))
	for want, next := range map[string]report.Input{
		"4% rate-limited": of(4800, "rate-limited"), "5% rate-limited": of(5000, "rate-limited"), "0.1% rate-limited": of(9, "rate-limited"), "4.1% loop": of(4100, "loop"), " ": of(0, ""),
	} {
		next.Route.Status = before
		if tr := report.Status(next).Traffic; tr.RefusedRate+" "+tr.RefusedFor != want {
			t.Errorf("%s %s, want %s", tr.RefusedRate, tr.RefusedFor, want)
		}
	}
}

// What a backend lacks stands where it is said to be ill.
func TestIllnessSaysWhatIsLacking(t *testing.T) {
	t.Parallel()
	status := report.Status(input(func(in *report.Input) {
		in.Seen.Sum.Missing = []stats.MissingKey{
			{Secret: "s", Key: "allowedHosts", Backend: "one", Message: "allowedHosts does not cover api.example.com:443"}, {Secret: "r", Backend: "one"},
		}
	}))
	if got, want := told(status, "BackendsHealthy"), `False BackendsFailing: one is MissingCredential (Secret "s": allowedHosts does not cover api.example.com:443)`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
