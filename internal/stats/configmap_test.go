package stats

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A report may speak of the ConfigMaps that the spec names, of a Secret or a ConfigMap in
// each line, and of both of one name.
func TestForeignConfigMaps(t *testing.T) {
	t.Parallel()
	bounds := Bounds{{
		Namespace: "shop", Name: "orders", Backends: map[string]bool{}, Secrets: map[string]bool{"both": true}, ConfigMaps: map[string]bool{"both": true, "schema": true},
	}}
	raw, err := json.Marshal(Report{Version: ReportVersion, Routes: []RouteReport{{Namespace: "shop", Name: "orders", Missing: []MissingKey{
		{ConfigMap: "schema", Key: "k", Message: "m"}, {ConfigMap: "both"}, {Secret: "both"},
		{ConfigMap: "other"}, {Secret: "schema"}, {Secret: "both", ConfigMap: "both"}, {},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := bounds.Decode(raw, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := []MissingKey{{ConfigMap: "schema", Key: "k", Message: "m"}, {ConfigMap: "both"}, {Secret: "both"}}
	if diff := cmp.Diff(want, got.Routes[0].Missing); diff != "" {
		t.Error(diff)
	}
	if sum := Merge([]RouteReport{got.Routes[0], got.Routes[0]}); !cmp.Equal(want, sum.Missing) {
		t.Errorf("the sum of two misses %+v", sum.Missing)
	}
}
