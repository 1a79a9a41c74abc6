package controllers

import (
	"strings"
	"testing"
	"time"
)

// Q13: an order that changes twice within ten minutes is told once in that time.
func TestQ13OrdersThatAreTurnedAgain(t *testing.T) {
	t.Parallel()
	start := time.Now()
	const route, other = "a", "b"
	o := map[string]*order{route: {}, other: {}}
	for i, row := range []struct {
		route string
		after time.Duration
		names string
		want  bool
	}{
		{route, 0, "a b c", false},
		{route, time.Minute, "a b c", false},
		{route, time.Minute, "b a c", false}, // once
		{other, time.Minute, "b a", false},
		{route, 2 * time.Minute, "b a c", false},
		{route, 3 * time.Minute, "a b c", true},
		{route, 4 * time.Minute, "b a c", false}, // told already
		{other, 4 * time.Minute, "a b", false},
		{route, 13 * time.Minute, "a b c", true},  // and again
		{other, 15 * time.Minute, "b a", false},   // too long ago
		{other, 16 * time.Minute, "c b a", false}, // one that is new turns nothing
		{other, 17 * time.Minute, "b", false},
		{other, 18 * time.Minute, "a b", false},
		{other, 19 * time.Minute, "b d a", true},
		{other, 20 * time.Minute, "", false},
	} {
		if got := o[row.route].turn(strings.Fields(row.names), start.Add(row.after)); got != row.want {
			t.Errorf("row %d: %q after %v is told: %v", i, row.names, row.after, got)
		}
	}
}
