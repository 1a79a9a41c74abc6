package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

const (
	// ownAgain is when to look again at a route that is another operator's: no watch tells
	// of the end of its Lease.
	ownAgain = 20 * time.Second
	// claimAgain is when to look again after somebody else wrote to a route while we claimed
	// it.
	claimAgain = time.Second
)

// own makes sure that the route is ours: two operators that see the same one would write
// its children by turns, each what it runs itself, and kill Pods all the while. It
// reports false where neither children nor status are to be written.
func (r *RouteReconciler) own(ctx context.Context, s *scope) (bool, error) {
	other := s.markedBy(r.Proxies.Operator)
	if other == "" {
		r.others.remove(s.key)
		return r.claim(ctx, s)
	}
	state, err := r.leases.state(ctx, r.Live, other, s.now)
	if err != nil {
		return false, err
	}
	if state == leaseRenewed || state == leaseUnreadable && s.bears(other) {
		r.keepOff(ctx, s, other)
		s.again = ownAgain
		return false, nil
	}
	r.others.remove(s.key)
	return r.claim(ctx, s)
}

// markedBy is the operator other than us that the route belongs to, if any. The route's
// status says so, since its first mark has to be one write that nobody else makes at the
// same time; where somebody emptied it, its children do.
func (s *scope) markedBy(us string) string {
	owner := s.route.Status.Operator
	for _, kind := range childKinds() {
		if live := s.live[kind.name]; owner == "" && live != nil {
			owner = live.GetAnnotations()[v1alpha1.OperatorAnnotation]
		}
	}
	if owner == us {
		return ""
	}
	return owner
}

// bears reports whether a child bears an operator's mark. It is what can be taken off by
// hand; of a route without children the status has to do.
func (s *scope) bears(operator string) bool {
	for _, live := range s.live {
		if live.GetAnnotations()[v1alpha1.OperatorAnnotation] == operator {
			return true
		}
	}
	return len(s.live) == 0
}

// claim writes our mark into the status, unless anybody has written to the route since it
// was read: of two that claim it, one does.
func (r *RouteReconciler) claim(ctx context.Context, s *scope) (bool, error) {
	us := r.Proxies.Operator
	if us == "" || s.route.Status.Operator == us {
		return true, nil
	}
	status := s.route.Status.DeepCopy()
	status.Operator = us
	intent, err := statusIntent(s.route, status)
	if err != nil {
		return false, err
	}
	err = r.Client.Status().Apply(ctx, intent.WithResourceVersion(s.route.ResourceVersion), fieldManager, client.ForceOwnership)
	switch {
	case apierrors.IsConflict(err):
		s.again = claimAgain
		return false, nil
	case err != nil:
		return false, fmt.Errorf("claim %s: %w", s.key, client.IgnoreNotFound(err))
	}
	s.route.Status.Operator = us
	return true, nil
}

// keepOff forgets what was known of a route that is another operator's, and tells once.
func (r *RouteReconciler) keepOff(ctx context.Context, s *scope, other string) {
	if !r.others.add(s.key) {
		return
	}
	r.drop(s.key)
	logf.FromContext(ctx).Info("route belongs to another operator", "route", s.key, "operator", other)
	r.Recorder.Eventf(s.route, nil, corev1.EventTypeWarning, "OtherOperator", "KeepOff",
		"The operator of Lease %.320s has this route, another one that sees it leaves it alone; "+
			"let one of them alone watch this namespace, see --namespaces", other)
}

// others are the routes that belong to other operators. Its methods are safe for
// concurrent use.
type others struct {
	mu     sync.Mutex
	routes map[types.NamespacedName]bool
}

// add reports whether a route is a new one among them.
func (o *others) add(route types.NamespacedName) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.routes[route] {
		return false
	}
	if o.routes == nil {
		o.routes = map[types.NamespacedName]bool{}
	}
	o.routes[route] = true
	return true
}

func (o *others) remove(route types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.routes, route)
}

func (o *others) count() float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return float64(len(o.routes))
}

// Collector is the operator's own metric.
func (r *RouteReconciler) Collector() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fanout_operator_routes_of_others",
		Help: "Routes that are seen and left alone, since they belong to another operator.",
	}, r.others.count)
}
