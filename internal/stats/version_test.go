package stats_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// A report in another version is told by it, however long it is, whatever stands in it and
// whoever made it; what a newer proxy adds to ours is overlooked.
func TestReportsOfOtherVersionsAreNotRead(t *testing.T) {
	t.Parallel()
	const routes = `"document":"h","routes":[{"namespace":"shop","name":"orders"}]`
	for name, row := range map[string]struct {
		text    string
		version int // that cannot be read, 0 for one that is
	}{
		"ours":                          {`{"version":1,` + routes + `}`, 0},
		"ours with a field that is new": {`{"version":1,"region":"eu",` + routes + `}`, 0},
		"one of a proxy that says none": {`{` + routes + `}`, 0},
		"one that says a number first":  {`{"size":2,` + routes + `}`, 0},
		"a newer one":                   {`{"version":2,` + routes + `}`, 2},
		"a newer one of other types":    {`{ "version" : 3, "document":{"hash":"h"},"routes":{}}`, 3},
		"a newer one of 2 MiB":          {`{"version":4,"more":[` + strings.Repeat("1,", 1<<20) + `1]}`, 4},
		"a version that there is not":   {`{"version":-1,` + routes + `}`, -1},
		"a newer one that says so late": {`{` + routes + `,"version":5}`, 5},
	} {
		report, err := decoded(row.text)
		if row.version == 0 {
			if err != nil || report.Document != "h" || len(report.Routes) != 1 {
				t.Errorf("%s: report %+v, error %v", name, report, err)
			}
			continue
		}
		trusted, also := stats.Decode([]byte(row.text))
		told, alike := &stats.VersionError{}, &stats.VersionError{}
		if !errors.As(err, &told) || told.Version != row.version || report != nil {
			t.Errorf("%s: report %+v, error %v, want version %d", name, report, err, row.version)
		}
		if !errors.As(also, &alike) || alike.Version != row.version || trusted != nil {
			t.Errorf("%s, of a trusted proxy: report %+v, error %v, want version %d", name, trusted, also, row.version)
		}
		if want := fmt.Sprintf("version %d, only %d can", row.version, stats.ReportVersion); err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error %q does not say %q", name, err, want)
		}
	}
	if _, err := decoded(`{"version":"two"}`); err == nil || errors.As(err, new(*stats.VersionError)) {
		t.Errorf("a version that is no number: error %v, want one of decoding", err)
	}
}

func decoded(text string) (*stats.Report, error) {
	bounds := stats.Bounds{{Namespace: "shop", Name: "orders"}}
	raw, err := bounds.Read(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return bounds.Decode(raw, time.Now())
}

// The form of a report is a contract: who changes a name or a meaning in it gives it another
// version, who adds a field changes the file alone.
func TestTheFormOfAReport(t *testing.T) {
	t.Parallel()
	window := stats.Histogram{Counts: stats.Counts{{Bucket: -60, N: 3}}, Seconds: 0.25}
	stands := stats.Standing{Asked: 9, Heard: 8, Faulty: 7, Late: 6}
	report := stats.Report{Version: stats.ReportVersion, Document: "0123456789abcdef", Refused: "why", Ready: true, Routes: []stats.RouteReport{{
		Namespace: "shop", Name: "orders", Part: "fedcba9876543210",
		Missing:      []stats.MissingKey{{Secret: "partner", ConfigMap: "schemas", Key: "token", Backend: "one", Issuer: "idp", Audience: "https://idp.example.com", Field: "spec.a", Stale: true, Seconds: 9, Message: "why"}},
		Reported:     []stats.RuleReport{{Rule: "positive", Seconds: 300, Count: 7}},
		Refused:      []stats.RefusalReport{{Reason: "rate-limited", Count: 8}},
		Certificates: []stats.CertificateReport{{Secret: "partner", Backend: "one", Ends: time.Unix(0, 0).UTC()}},
		Issuers:      []stats.IssuerReport{{Name: "idp", Keys: 2, Never: true, AgeSeconds: 9, Problem: "why"}},
		Windows: stats.Windowed(stats.Window5m, stats.CallsWindow{Seconds: 300, Duration: window,
			Calls: stats.Calls{Complete: 1, Partial: 2, Failed: 3, ClientClosed: 4, Refused: 5}}),
		Store: &stats.StoreReport{Answers: true, Fault: "why"},
		Backends: []stats.BackendReport{{
			Name: "one", Circuit: stats.CircuitHalfOpen, Shadow: true, Compared: map[stats.Comparison]uint64{stats.Incomparable: 1},
			Standing:    stats.Standings{Last15s: stands, Last25s: stands, Last1m: stands, Last5m: stands},
			LastFailure: &stats.Failure{Reason: "status", Cause: "bodyTimeout", Status: 503, Refused: true, Message: "why", Time: time.Unix(0, 0).UTC(), AgeSeconds: 1.5},
			Windows: stats.Windowed(stats.Window5m, stats.AnswersWindow{Seconds: 300, Duration: window, Answers: stats.Answers{
				Succeeded: 1, Failed: map[stats.Reason]uint64{"status": 2}, Rejected: map[stats.Reason]uint64{"rateLimited": 3},
				Canceled: 4, Skipped: 5, Faulty: 6, Late: 7, Attempts: 8,
			}}),
		}},
	}}}
	filled(t, "report", reflect.ValueOf(report))
	raw, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, filepath.Join("testdata", "report.json"), string(raw)+"\n")
}

// filled makes sure that nothing of the form is left out: a field that is new is zero.
func filled(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() && strings.Contains(path, ".Windows.") && !strings.HasSuffix(path, ".FiveMinutes") {
			return // one of the windows shows their form
		}
		filled(t, path, v.Elem())
	case reflect.Slice:
		filled(t, path+"[0]", v.Index(0))
	case reflect.Map:
		for _, key := range v.MapKeys() {
			filled(t, path+"."+key.String(), v.MapIndex(key))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			filled(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	default:
		if v.IsZero() {
			t.Errorf("%s is not in the file: add it", path)
		}
	}
}
