package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

// rounds are nine in which the base's two processes differ by a spread, to either side,
// and the tree is by a factor slower in everything, or faster.
func rounds(spread, slower float64) [][sides]turn {
	var list [][sides]turn
	for i := range 9 {
		off := 1 + spread
		if i%2 == 0 {
			off = 1 / off
		}
		if i == 4 {
			off = 3 // an accident
		}
		at := func(factor float64) turn {
			return turn{
				cpu: 100 * factor, rate: 1000 / factor, p50: time.Duration(1e6 * factor), p99: time.Duration(1e7 * factor),
				peak: int64(1e8 * factor),
			}
		}
		list = append(list, [sides]turn{at(1 / math.Sqrt(off)), at(slower), at(math.Sqrt(off))})
	}
	return list
}

func TestWorseIsBeyondToleranceAndSpread(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		spread, slower float64
		worse          bool
	}{
		{"equal", 0.01, 1, false},
		{"slower, within the tolerance", 0.001, 1.025, false},
		{"slower, beyond the tolerance, within the spread", 0.08, 1.06, false},
		{"slower, beyond both", 0.04, 1.06, true},
		{"much faster", 0.001, 0.5, false},
	} {
		for _, f := range figures {
			got := judge(&f, rounds(tt.spread, tt.slower))
			if got.worse != tt.worse || math.Abs(got.spread-tt.spread) > 0.001 {
				t.Errorf("%s, %s: %+v", tt.name, f.name, got)
			}
			got.scenario = "scenario"
			if err := worse([]row{got}); (err != nil) != tt.worse || err != nil && !strings.Contains(err.Error(), f.name) {
				t.Errorf("%s, %s: %v", tt.name, f.name, err)
			}
		}
	}
}
