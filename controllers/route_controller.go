// Package controllers makes what routes ask for, and is all that writes to them and to
// their children. A pass over a route has four steps, each a file: observe what is
// there, build what is desired (package desired), apply it, and report (package
// report). Proxies are asked by package rates, never here.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/rates"
)

// fieldManager owns the fields that the operator applies.
const fieldManager = client.FieldOwner(desired.ManagedBy)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;patch;create;delete;watch
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;patch;create;delete;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;patch;watch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;patch;create;delete;watch
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;patch;create;delete;watch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,resourceNames=fanout-operator,verbs=get
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;patch;create;delete;watch
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;patch;create;delete;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=fanout.dev,resources=fanoutroutes,verbs=list;watch
// +kubebuilder:rbac:groups=fanout.dev,resources=fanoutroutes/finalizers,verbs=update
// +kubebuilder:rbac:groups=fanout.dev,resources=fanoutroutes/status,verbs=patch

// RouteReconciler makes what a FanoutRoute asks for. It has no verb on Secrets:
// proxies read them, and say what is missing.
type RouteReconciler struct {
	Client client.Client
	// Live reads past the cache, which holds objects of ours alone.
	Live     client.Reader
	Recorder events.EventRecorder
	Rates    *rates.Poller
	Compile  compile.Options
	Proxies  desired.Options
	// WatchSecrets watches the metadata of Secrets, which takes the verbs list and
	// watch on them, so that a rotated one reaches its proxies at once.
	WatchSecrets bool
	// Namespaces are those of CacheOptions.
	Namespaces []string

	figuresOnce sync.Once
	figures     *figures

	memories   memories
	readers    readers
	configMaps *configMaps
	leases     leases
	services   services
	verdicts   *verdicts
}

// Reconcile makes one pass over a route.
func (r *RouteReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	memory, leave := r.memories.enter(request.NamespacedName)
	defer leave()
	s, err := r.observe(ctx, request.NamespacedName, memory)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("observe: %w", err)
	}
	if s == nil {
		r.forget(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	if decided, err := r.decide(ctx, s); err != nil || !decided {
		return ctrl.Result{RequeueAfter: s.again}, err
	}
	applyErr := r.apply(ctx, s)
	if s.refused = refusal(applyErr); applyErr != nil && s.refused == "" {
		return ctrl.Result{}, applyErr
	}
	r.poll(s)
	r.tellKills(s)
	again, err := r.tell(ctx, s, s.now)
	if err != nil {
		return ctrl.Result{}, err
	}
	servicesErr := r.findServices(ctx, s)
	figures, err := r.report(ctx, s, s.now)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("report: %w", err)
	}
	if err := errors.Join(applyErr, servicesErr); err != nil { // a quota may be raised, an API server recover
		return ctrl.Result{}, err
	}
	if s.conflict != "" {
		again = lookAgain
	}
	return ctrl.Result{RequeueAfter: sooner(s.again, sooner(again, figures))}, nil
}

// decide says what is to be there. It reports false where the route is another operator's,
// or its expressions are still being compiled: everything then stays as it is.
func (r *RouteReconciler) decide(ctx context.Context, s *scope) (bool, error) {
	if mine, err := r.own(ctx, s); err != nil || !mine {
		return false, err
	}
	r.tellOrder(ctx, s)
	known, err := r.desire(s)
	if err != nil {
		return false, err
	}
	if !known {
		return false, r.mark(ctx, s)
	}
	return true, r.findConflicts(ctx, s)
}

// tell tells kubelets of what their Pods do not hold yet. It returns when to look
// again; 0 for not at all.
func (r *RouteReconciler) tell(ctx context.Context, s *scope, now time.Time) (time.Duration, error) {
	document, err := r.nudge(ctx, s, now)
	if err != nil {
		return 0, fmt.Errorf("nudge: %w", err)
	}
	secrets, err := r.rotate(ctx, s, now)
	if err != nil {
		return 0, fmt.Errorf("rotate: %w", err)
	}
	return sooner(document, secrets), nil
}

// lookAgain is for what no watch tells of: the end of an object that is none of
// ours and stands in the way, and the coming of one that a backend names.
const lookAgain = 30 * time.Second
