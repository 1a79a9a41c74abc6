package controllers

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/internal/report"
)

// turnedWithin is the time in which a second change of the order of a route's backends is
// told, and then no other one. GitOps tools apply every few minutes.
const turnedWithin = 10 * time.Minute

// order is the last order of a route's backends, and when it was turned and told. Under
// server-side apply nobody owns it: of two who apply the same names in different orders each
// turns it over, at every apply, and neither sees a conflict.
type order struct {
	known        bool
	names        []string
	turned, told time.Time
}

// turn takes the order that a route has now. It reports true where backends of the same
// names have changed their order twice within ten minutes, once in that time.
func (o *order) turn(names []string, now time.Time) bool {
	last := *o
	if slices.Equal(last.names, names) {
		return false
	}
	isTurned := last.known && !slices.Equal(common(last.names, names), common(names, last.names))
	tells := isTurned && now.Sub(last.turned) < turnedWithin && now.Sub(last.told) >= turnedWithin
	o.known, o.names = true, names
	if isTurned {
		o.turned = now
	}
	if tells {
		o.told = now
	}
	return tells
}

// common are the names that are among others too.
func common(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(others, name) })
}

// tellOrder tells of an order that somebody turns over again and again.
func (r *RouteReconciler) tellOrder(ctx context.Context, s *scope) {
	names := make([]string, 0, len(s.route.Spec.Backends))
	for i := range s.route.Spec.Backends {
		names = append(names, string(s.route.Spec.Backends[i].Name))
	}
	if !s.memory.order.turn(names, s.now) {
		return
	}
	logf.FromContext(ctx).Info("order of backends changes again and again", "route", s.key)
	r.Recorder.Eventf(s.route, nil, corev1.EventTypeWarning, "BackendsReordered", "Reorder", "%s", report.Cut(
		"The order of spec.backends, which decides what the response is, changed twice within ten minutes, most likely since two "+
			"apply the route in different orders, which server-side apply does not take for a conflict: let one of them name backends, see "+
			"kubectl get fr "+s.key.Name+" --show-managed-fields. It is now "+strings.Join(names, ", "), report.MaxNote))
}
