package stats

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A report may speak of the service account's tokens that the spec asks for, each in a line of
// its own; of none where nobody has told them, since an audience is any text.
func TestForeignAudiences(t *testing.T) {
	t.Parallel()
	const sts = "https://sts.example.com/x"
	raw, err := json.Marshal(Report{Version: ReportVersion, Routes: []RouteReport{{Namespace: "shop", Name: "orders", Missing: []MissingKey{
		{Audience: sts, Key: "token", Backend: "b0", Stale: true, Message: "m"}, {Audience: sts, Backend: "b0"},
		{Audience: "other"}, {Audience: sts, Backend: "nobody"}, {Audience: sts, Secret: "partner"}, {Audience: sts, ConfigMap: "schema"},
		{Secret: sts}, {ConfigMap: sts}, {Audience: "partner"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	told := ofOrders(1)[0]
	told.ConfigMaps, told.Audiences = map[string]bool{"schema": true}, map[string]bool{sts: true}
	for name, row := range map[string]struct {
		bounds RouteBounds
		want   []MissingKey
	}{
		"one that is told": {told, []MissingKey{{Audience: sts, Key: "token", Backend: "b0", Stale: true, Message: "m"}, {Audience: sts, Backend: "b0"}}},
		"nobody told them": {RouteBounds{Namespace: "shop", Name: "orders"}, nil},
	} {
		got, err := Bounds{row.bounds}.Decode(raw, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, got.Routes[0].Missing); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if sum := Merge([]RouteReport{got.Routes[0], got.Routes[0]}); !cmp.Equal(row.want, sum.Missing) {
			t.Errorf("%s: the sum of two misses %+v", name, sum.Missing)
		}
	}
	long := missingKeys{limit: 2}
	if long.add(MissingKey{Audience: string(make([]byte, maxMissingText+1))}) {
		t.Error("an audience takes no room")
	}
}
