package desired

import (
	"math"
	"strings"
	"testing"

	corev1api "k8s.io/api/core/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// What does not convert as a whole is an error: an empty object in its place, or one without
// the field that the other type lacks, would drop what a user has written.
func TestConvertDropsNothing(t *testing.T) {
	t.Parallel()
	affinity := &corev1api.Affinity{NodeAffinity: &corev1api.NodeAffinity{}}
	if got, err := convert[corev1.AffinityApplyConfiguration](affinity); err != nil || got.NodeAffinity == nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := convert[struct{}](affinity); err == nil || !strings.Contains(err.Error(), `unknown field "nodeAffinity"`) {
		t.Errorf("a field that the other type does not have: %v, %v", got, err)
	}
	if got, err := convert[struct{}](&struct{ F float64 }{math.NaN()}); err == nil {
		t.Errorf("what has no JSON: %v", got)
	}
	if got, err := convertAll[struct{ Key int }]([]corev1api.Toleration{{}, {Key: "a"}}); err == nil {
		t.Errorf("an element of another type: %v", got)
	}
}
