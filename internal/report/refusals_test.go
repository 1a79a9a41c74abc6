package report_test

import (
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
)

// A status says by its figures whether the operator that wrote it has told of refused calls.
func TestStatusesTellWhatWasTold(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		shown *v1alpha1.Traffic
		want  bool
	}{
		"nothing":                   {nil, false},
		"nobody refused":            {&v1alpha1.Traffic{Window: "5m", RequestRate: "10/s"}, false},
		"few of many":               {&v1alpha1.Traffic{Window: "5m", RequestRate: "10/s", RefusedRate: "5%"}, false},
		"many of many":              {&v1alpha1.Traffic{Window: "5m", RequestRate: "2.92/s", RefusedRate: "12.5%"}, true},
		"a quiet route":             {&v1alpha1.Traffic{Window: "5m", RequestRate: "0.05/s", RefusedRate: "25%"}, false},
		"a route that refuses all":  {&v1alpha1.Traffic{Window: "5m", RequestRate: "0/s", RefusedRate: "100%"}, true},
		"what no operator has said": {&v1alpha1.Traffic{Window: "long", RequestRate: "many", RefusedRate: "101%"}, false},
	} {
		if got := report.ToldRefused(row.shown); got != row.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
