package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// A route's figures are written twice a minute at most.
func TestWritesHaveABudget(t *testing.T) {
	t.Parallel()
	w := &writes{}
	route, other := types.NamespacedName{Name: "a"}, types.NamespacedName{Name: "b"}
	start := time.Now()
	for _, row := range []struct {
		route types.NamespacedName
		after time.Duration
		want  time.Duration
	}{
		{route, 0, 0},
		{route, time.Second, 0},
		{route, 2 * time.Second, 58 * time.Second},
		{other, 2 * time.Second, 0},
		{route, 59 * time.Second, time.Second},
		{route, time.Minute, 0},
		{route, time.Minute, time.Second},
		{route, 61 * time.Second, 0},
	} {
		if got := w.wait(row.route, start.Add(row.after)); got != row.want {
			t.Errorf("%s after %v: wait %v, want %v", row.route, row.after, got, row.want)
		}
	}
}
