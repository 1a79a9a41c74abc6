package writes

import (
	"testing"
	"time"
)

// L4, Q8: all writes of a route come out of one bucket of six, of which figures leave three
// and conditions that get better one.
func TestL4WritesHaveOneBudget(t *testing.T) {
	t.Parallel()
	const route, other = "a", "b"
	w := map[string]*Bucket{route: {}, other: {}}
	start := time.Now()
	for i, row := range []struct {
		route string
		tells News
		after time.Duration
		want  time.Duration
	}{
		{route, Generation, 0, 0},
		{route, Figures, 0, 0},
		{route, Figures, 0, 0},
		{route, Figures, 0, 0},
		{route, Figures, time.Second, 29 * time.Second},
		{other, Figures, time.Second, 0},
		{route, Condition, time.Second, 0}, // at once
		{route, Condition, 2 * time.Second, 0},
		{route, Condition, 3 * time.Second, 27 * time.Second},
		{route, Worse, 3 * time.Second, 0},
		{route, Worse, 3 * time.Second, 27 * time.Second},
		{route, Generation, 4 * time.Second, 0}, // an edit fills the bucket
		{route, Condition, 5 * time.Second, 0},
		{route, Condition, 6 * time.Second, 0},
		{route, Condition, 6 * time.Second, 0},
		{route, Condition, 6 * time.Second, 0},
		{route, Condition, 6 * time.Second, 0},
		{route, Condition, 7 * time.Second, 28 * time.Second},
		{route, Condition, 35 * time.Second, 0},
		{route, Figures, 35 * time.Second, 90 * time.Second},
		{route, Figures, 10 * time.Minute, 0},
	} {
		if got := w[row.route].Wait(row.tells, start.Add(row.after)); got != row.want {
			t.Errorf("write %d, of %s after %v: wait %v, want %v", i, row.route, row.after, got, row.want)
		}
	}
}

// L4: whatever flaps, and however fast, ten minutes have 26 writes at most: six, and two
// a minute.
func TestL4FlappingIsBounded(t *testing.T) {
	t.Parallel()
	for name, tells := range map[string][]News{
		"a condition": {Condition}, "figures": {Figures}, "both": {Condition, Figures, Figures}, "for the worse": {Worse, Condition},
	} {
		w, start, written := &Bucket{}, time.Now(), 0
		for i := range 2 * 600 {
			if w.Wait(tells[i%len(tells)], start.Add(time.Duration(i)*500*time.Millisecond)) == 0 {
				written++
			}
		}
		if written > 26 || written < 20 {
			t.Errorf("%s: %d writes in ten minutes, want 20 to 26", name, written)
		}
	}
}

// Q8: whatever a rollout and figures have written, and however fast, the first bad news
// after them is written at once.
func TestQ8BadNewsHasItsShare(t *testing.T) {
	t.Parallel()
	for name, tells := range map[string][]News{
		"conditions": {Condition}, "figures": {Figures}, "a rollout": {Figures, Condition}, "claims": {Condition, Figures, Condition},
	} {
		w, start := &Bucket{}, time.Now()
		w.Wait(Generation, start)
		for i := range 40 {
			w.Wait(tells[i%len(tells)], start.Add(time.Duration(i)*500*time.Millisecond))
		}
		if wait := w.Wait(Worse, start.Add(20*time.Second)); wait > 0 {
			t.Errorf("after %s bad news wait for %v", name, wait)
		}
	}
}
