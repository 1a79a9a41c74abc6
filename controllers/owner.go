package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/report"
	"github.com/fanout-operator/fanout/internal/writes"
)

const (
	// ownAgain is when to look again at a route that is another operator's: no watch tells
	// of the end of its Lease.
	ownAgain = 20 * time.Second
	// unmarkedFor is for how long none of a route's children bears its operator's mark until
	// it is free to be taken: an operator that minds it puts the mark back within a second.
	unmarkedFor = ownAgain
	// untoldFor is the same for a status that says nothing of an edit, where there are no
	// children. One that minds the route may wait for the verdict on its expressions.
	untoldFor = time.Minute
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
		return r.claim(ctx, s)
	}
	state, err := r.leases.state(ctx, r.Live, other, s.now)
	if err != nil {
		return false, err
	}
	if state != leaseGone {
		if wait := s.memory.neglected.wait(other, s.neglect(other), s.now); wait > 0 {
			r.keepOff(ctx, s, other)
			s.again = min(wait, ownAgain)
			return false, nil
		}
	}
	return r.claim(ctx, s)
}

// markedBy is the operator other than us that the route belongs to, if any. The route's
// status says so, since its first mark has to be one write that nobody else makes at the
// same time; where somebody emptied it, its children do.
func (s *scope) markedBy(us string) string {
	owner := s.route.Status.Operator
	for _, child := range s.owned() {
		if owner == "" {
			owner = child.GetAnnotations()[v1alpha1.OperatorAnnotation]
		}
	}
	if owner == us {
		return ""
	}
	return owner
}

// owned are the children that have the route for their controller. Marks on what a route of
// its name left behind, or somebody made by hand, do not say who minds this one.
func (s *scope) owned() (list []client.Object) {
	for _, kind := range childKinds() {
		if live := s.live[kind.name]; live != nil && ownedBy(live, s.route) {
			list = append(list, live)
		}
	}
	return list
}

// neglect is for how long a route has to be as it is until its operator is known not to
// mind it any more, though its Lease may be renewed: it may watch other namespaces now. It
// is 0 where the route is as such an operator keeps it.
func (s *scope) neglect(operator string) time.Duration {
	children := s.owned()
	for _, child := range children {
		if child.GetAnnotations()[v1alpha1.OperatorAnnotation] == operator {
			return 0
		}
	}
	switch {
	case len(children) > 0:
		return unmarkedFor
	case report.Told(&s.route.Status) != s.route.Generation:
		return untoldFor
	}
	return 0
}

// claim writes our mark into the status, unless anybody has written to the route since it
// was read: of two that claim it, one does.
func (r *RouteReconciler) claim(ctx context.Context, s *scope) (bool, error) {
	us := r.Proxies.Operator
	if us == "" || s.route.Status.Operator == us {
		s.memory.take()
		return true, nil
	}
	tells := writes.Condition
	if s.route.Status.Operator == "" && report.Told(&s.route.Status) == 0 {
		tells = writes.Generation // a new route, though one of its name may have used the budget
	}
	if wait := s.memory.budget.Wait(tells, s.now); wait > 0 {
		s.again = wait
		return false, nil
	}
	status := s.route.Status.DeepCopy()
	status.Operator = us
	_, err := r.writeStatus(ctx, s.route, status, s.route.ResourceVersion)
	switch {
	case apierrors.IsNotFound(err): // it went meanwhile
		return false, nil
	case apierrors.IsConflict(err):
		s.again = claimAgain
		return false, nil
	case err != nil:
		return false, fmt.Errorf("claim %s: %w", s.key, err)
	}
	s.route.Status.Operator = us
	s.memory.take()
	return true, nil
}

// mark puts our mark, and nothing else, on children that are left as they are: no other
// write would, and without it others take the route for one that nobody minds.
func (r *RouteReconciler) mark(ctx context.Context, s *scope) error {
	us := r.Proxies.Operator
	if us == "" {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{v1alpha1.OperatorAnnotation: us}}})
	if err != nil {
		return fmt.Errorf("encode mark: %w", err)
	}
	for _, kind := range childKinds() {
		live, wanted := s.live[kind.name], sum(sha256.Sum256(patch))
		if live == nil || !ownedBy(live, s.route) || live.GetDeletionTimestamp() != nil || live.GetAnnotations()[v1alpha1.OperatorAnnotation] == us {
			continue
		}
		if wait := s.memory.applied.wait(kind.name, wanted, s.now); wait > 0 {
			s.again = sooner(s.again, wait)
			continue
		}
		answer := kind.empty()
		answer.SetNamespace(live.GetNamespace())
		answer.SetName(live.GetName())
		err := r.Client.Patch(ctx, answer, client.RawPatch(types.MergePatchType, patch), fieldManager)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("mark %s of %s: %w", kind.name, s.key, err)
		}
		s.memory.applied.record(kind.name, wanted, write{}, s.now)
	}
	return nil
}

// keepOff forgets what was known of a route that is another operator's, and tells once.
func (r *RouteReconciler) keepOff(ctx context.Context, s *scope, other string) {
	if s.memory.keptOff.Swap(true) {
		return
	}
	r.drop(s)
	logf.FromContext(ctx).Info("route belongs to another operator", "route", s.key, "operator", other)
	r.Recorder.Eventf(s.route, nil, corev1.EventTypeWarning, "OtherOperator", "KeepOff",
		"The operator of Lease %.320s has this route, another one that sees it leaves it alone; let one of them alone watch this "+
			"namespace, see --namespaces. To hand the route to it: kubectl annotate -n %s cm,svc,deploy,netpol,pdb,hpa -l %s=%s %s-",
		other, s.key.Namespace, v1alpha1.RouteLabel, s.key.Name, v1alpha1.OperatorAnnotation)
}

// neglected is since when the operator of a route seems not to mind it any more; none where
// it does.
type neglected struct {
	by    string
	since time.Time
}

// wait returns how long to leave a route to its operator, at least: what is left of the
// neglect that it takes, counted from when it began by our clock; ownAgain where there is none.
func (n *neglected) wait(operator string, neglect time.Duration, now time.Time) time.Duration {
	if neglect == 0 {
		*n = neglected{}
		return ownAgain
	}
	if n.by != operator {
		*n = neglected{operator, now}
	}
	return n.since.Add(neglect).Sub(now)
}

// take notes that a route is ours.
func (m *memory) take() {
	m.keptOff.Store(false)
	m.neglected = neglected{}
}
