package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/internal/pods"
)

// R9: a kill is told once, one of long ago not by an operator that starts, and nothing is
// kept of Pods that are gone.
func TestR9KillsAreToldOnce(t *testing.T) {
	t.Parallel()
	m, now := &memory{}, time.Now()
	for i, row := range []struct {
		pod  types.UID
		at   time.Time
		want bool
	}{
		{"new", time.Time{}, false},
		{"new", now.Add(-time.Hour), true}, // it was seen before
		{"new", now.Add(-time.Hour), false},
		{"new", now, true},
		{"old", now.Add(-2 * time.Minute), false},
		{"old", now.Add(-2 * time.Minute), false},
		{"fresh", now.Add(-2 * time.Second), true},
		{"fresh", now.Add(-2 * time.Second), false},
	} {
		if got := m.pod(row.pod).killed.isNews(row.at, now); got != row.want {
			t.Errorf("step %d: a kill of Pod %s is news: %t, want %t", i, row.pod, got, row.want)
		}
	}
	m.keep([]seenPod{{Facts: pods.Facts{UID: "new"}}})
	if len(m.pods) != 1 {
		t.Errorf("of one Pod that is there %d are kept", len(m.pods))
	}
}
