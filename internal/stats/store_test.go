package stats

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Of several proxies the one whose store does not answer is believed; what a report says of
// a store is bounded.
func TestStoresOfSeveralProxies(t *testing.T) {
	t.Parallel()
	well, ill := RouteReport{Store: &StoreReport{Answers: true}}, RouteReport{Store: &StoreReport{Fault: "it is gone"}}
	for _, row := range []struct {
		reports []RouteReport
		want    string
	}{
		{[]RouteReport{{}, {}}, "null"}, {[]RouteReport{{}, well}, `{"answers":true}`}, {[]RouteReport{well, ill, well}, `{"answers":false,"fault":"it is gone"}`},
		{[]RouteReport{ill, well}, `{"answers":false,"fault":"it is gone"}`},
	} {
		sum := Merge(row.reports)
		if got, _ := json.Marshal(sum.Store); string(got) != row.want {
			t.Errorf("got %s, want %s", got, row.want)
		}
	}
	ill.Namespace, ill.Name, ill.Store.Fault = "shop", "orders", strings.Repeat("x\n", 10_000)
	raw, err := json.Marshal(Report{Version: ReportVersion, Routes: []RouteReport{ill}})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Bounds{{Namespace: "shop", Name: "orders"}}.Decode(raw, time.Now())
	if err != nil || report.Routes[0].Store == nil || len(report.Routes[0].Store.Fault) > maxMessage || strings.Contains(report.Routes[0].Store.Fault, "\n") {
		t.Errorf("got %v (%v)", report, err)
	}
}
