package controllers

import (
	"testing"
	"time"
)

// L8: an intent that does not last is written at doubling pauses, another one at once, and
// what has lasted for long is forgiven.
func TestL8WritesThatDoNotLastBackOff(t *testing.T) {
	t.Parallel()
	id, start := "Service", time.Now()
	a := &appliedIntents{}
	var at []time.Duration
	for after := time.Duration(0); after <= 5*time.Minute; after += time.Second / 2 {
		if a.wait(id, sum{1}, start.Add(after)) == 0 {
			a.record(id, sum{1}, write{version: "1"}, start.Add(after))
			at = append(at, after/time.Second)
		}
	}
	want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 127, 191, 255}
	if len(at) != len(want) {
		t.Fatalf("writes at %d s, want %d s", at, want)
	}
	for i := range want {
		if at[i] != want[i] {
			t.Errorf("write %d after %d s, want %d s", i, at[i], want[i])
		}
	}
	now := start.Add(5 * time.Minute)
	if wait := a.wait(id, sum{2}, now); wait != 0 {
		t.Errorf("another intent waits %v", wait)
	}
	if wait := a.wait(id, sum{1}, now); wait != 19*time.Second {
		t.Errorf("the same one waits %v", wait)
	}
	if wait := a.wait(id, sum{1}, now.Add(forgiven)); wait != 0 {
		t.Errorf("after a long peace it waits %v", wait)
	}
	a.record(id, sum{1}, write{version: "1"}, now.Add(forgiven))
	if wait := a.wait(id, sum{1}, now.Add(forgiven)); wait != time.Second {
		t.Errorf("after a long peace the next one waits %v", wait)
	}
}
