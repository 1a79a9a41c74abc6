package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// scope is everything that one pass has seen and decided.
type scope struct {
	key   types.NamespacedName
	now   time.Time
	route *v1alpha1.FanoutRoute
	// memory is what was kept of the passes before.
	memory *memory

	live   map[string]client.Object // children, by kind
	pods   []seenPod                // with a proxy of the route
	missed int                      // Pods that should have one as a sidecar
	// conflict names an object that has a child's name and another owner.
	conflict string

	errors  field.ErrorList
	hash    string // of the document
	secrets []string
	// configMaps are those that the route reads, not its document.
	configMaps []string
	rules      []string // of its validation
	audiences  []string // of its service account's tokens
	children   desired.Children
	// waits is set while the expressions of a route are compiled anew of which the status
	// says that it is accepted: its children stay as they are, its proxies are asked.
	waits bool
	// remarks are on a spec without errors.
	remarks []compile.Remark
	// stale is set where the Deployment was read before the last write of it, or is to be
	// written yet, or was in this pass.
	stale bool
	// refused is what the API server has against a child.
	refused string
	// absent are Services that backends name and that do not exist.
	absent []string
	// asked is the number of proxies that are polled.
	asked int
	// again is when to come again for what was left undone; 0 for not at all.
	again time.Duration
}

// observe reads everything about a route. There is no scope where the route is
// gone or going: its children are the garbage collector's.
func (r *RouteReconciler) observe(ctx context.Context, key types.NamespacedName, memory *memory) (*scope, error) {
	s := &scope{key: key, now: time.Now(), route: &v1alpha1.FanoutRoute{}, memory: memory}
	err := r.Client.Get(ctx, key, s.route)
	if apierrors.IsNotFound(err) || err == nil && s.route.DeletionTimestamp != nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read route %s: %w", key, err)
	}
	if err := r.observeChildren(ctx, s); err != nil {
		return nil, err
	}
	return s, r.observePods(ctx, s)
}

// desire compiles the route and builds its children. A spec that does not compile
// has none: the children that are there stay as they are. It reports false where it is not
// known yet whether it does: then everything stays, but for what is told of the proxies of
// a route that was accepted as it is by the operator before. Compiling may take minutes
// after a restart.
func (r *RouteReconciler) desire(s *scope) (bool, error) {
	compiled, expressions, errs := compile.Unchecked(s.route, r.Compile)
	faults, known := r.verdicts.of(s.route, expressions)
	s.waits = !known
	if s.waits && (len(errs) > 0 || !programmed(s.route)) {
		return false, nil
	}
	s.errors = append(errs, faults...)
	r.metrics().built(s)
	if len(s.errors) > 0 {
		return true, nil
	}
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{*compiled}})
	if err != nil {
		return false, fmt.Errorf("encode document of %s: %w", s.key, err)
	}
	s.hash, s.remarks = routeconfig.Hash(encoded), compile.Remarks(s.route, compiled, expressions)
	s.secrets, s.configMaps, s.rules = compiled.Secrets(), compiled.ConfigMaps(), compiled.Validation.RuleNames()
	s.audiences = compiled.Audiences()
	s.children, err = desired.Build(desired.Input{
		Route: s.route, Compiled: compiled, Document: encoded, Options: r.Proxies,
	})
	if err != nil {
		return false, err
	}
	return !s.waits || s.hash == lastDocument(s), nil
}

// programmed reports whether the status says that the spec was accepted, and its children
// by the API server.
func programmed(route *v1alpha1.FanoutRoute) bool {
	accepted := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionAccepted)
	children := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionProgrammed)
	return accepted != nil && accepted.Status == metav1.ConditionTrue && accepted.ObservedGeneration == route.Generation &&
		children != nil && children.Reason != v1alpha1.ReasonRefused
}

// halted reports whether the children are left alone.
func (s *scope) halted() bool { return len(s.errors) > 0 || s.conflict != "" || s.waits }

// forget drops what is kept of a route that is gone.
func (r *RouteReconciler) forget(key types.NamespacedName) {
	r.unwatch(key)
	r.memories.forget(key)
}

// drop drops what is kept of a route that is another operator's, but for its budget.
func (r *RouteReconciler) drop(s *scope) {
	r.unwatch(s.key)
	s.memory.drop()
}

// unwatch lets those that work beside the passes forget a route.
func (r *RouteReconciler) unwatch(key types.NamespacedName) {
	r.Rates.Forget(key)
	r.readers.set(key, nil)
	r.configMaps.readers.set(key, nil)
	r.verdicts.forget(key)
}
