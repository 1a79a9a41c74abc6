package stats

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadBuckets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5ms,50ms, 1s": "", "none": "", "": "invalid duration", "1": "missing unit", "1s,1s": "is not above", "2s,1s": "is not above", "0s": "is not above", "-1s": "is not above",
		strings.Repeat("1s,", 2) + "x": "is not above",
	} {
		got, err := ReadBuckets(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
	if got, _ := ReadBuckets("5ms,50ms, 1s"); !slices.Equal(got, []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, time.Second}) {
		t.Errorf("read %v", got)
	}
	many := make([]string, maxClassic+1)
	for i := range many {
		many[i] = (time.Duration(i+1) * time.Second).String()
	}
	if _, err := ReadBuckets(strings.Join(many, ",")); err == nil {
		t.Error("33 buckets are taken")
	}
	if _, err := ReadBuckets(strings.Join(many[1:], ",")); err != nil {
		t.Error(err)
	}
	if got := DefaultBuckets(); len(got) != 15 || got[1] != 2500*time.Microsecond || got[14] != 50*time.Second || !slices.IsSorted(got) {
		t.Errorf("by default %v", got)
	}
}

// What is counted within a bound is what lies within 2.2 % of it.
func TestNearestBuckets(t *testing.T) {
	t.Parallel()
	for _, bound := range DefaultBuckets() {
		last := Nearest(bound)
		for d, within := range map[float64]bool{0.5: true, 0.97: true, 1.03: false, 2: false} {
			if of := bucket(time.Duration(float64(bound)*d)) + firstBucket; of <= last != within {
				t.Errorf("%v of %v is in bucket %d, and the last one is %d", d, bound, of, last)
			}
		}
		if nearest := math.Exp2(math.Round(math.Log2(bound.Seconds())*perOctave) / perOctave); math.Abs(nearest/bound.Seconds()-1) > 0.022 {
			t.Errorf("%v is counted up to %v s", bound, nearest)
		}
	}
}
