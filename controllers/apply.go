package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// apply makes the children what they are to be, and deletes those that the route
// does not ask for any more. What is not to be written yet comes with scope.again.
func (r *RouteReconciler) apply(ctx context.Context, s *scope) error {
	if s.halted() {
		return r.mark(ctx, s)
	}
	for _, kind := range childKinds() {
		live, intent := s.live[kind.name], kind.intent(s.children)
		switch {
		case intent != nil:
			if err := r.applyChild(ctx, s, kind, intent, live); err != nil {
				return err
			}
		case live != nil && live.GetDeletionTimestamp() == nil:
			if err := r.deleteChild(ctx, s, kind, live); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyChild writes unless the live object holds what is intended: what an earlier
// operator applied is told by the fields that the API server says are ours, a foreign
// edit is one of those and is repaired, and what others add is theirs.
func (r *RouteReconciler) applyChild(
	ctx context.Context, s *scope, kind childKind, intent runtime.ApplyConfiguration, live client.Object,
) error {
	encoded, wanted, err := digest(intent)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", kind.name, s.key, err)
	}
	var unread error
	if live != nil && !asleep(s, live) {
		var stands bool
		if stands, unread = s.memory.applied.stands(kind.name, wanted, live.GetResourceVersion(), func() (sum, error) { return kind.ours(live) }); stands {
			return nil
		}
	}
	if wait := s.memory.applied.wait(kind.name, wanted, s.now); wait > 0 {
		s.again = sooner(s.again, wait)
		s.stale = s.stale || kind.name == "Deployment"
		return nil
	}
	if unread != nil {
		logf.FromContext(ctx).Info("what is applied cannot be read and is applied again", "route", s.key, "kind", kind.name, "reason", unread.Error())
	}
	made, err := r.writeChild(ctx, s, kind, encoded, live)
	if err != nil || made.version == "" {
		return err
	}
	made.blind = unread != nil
	if d, ok := s.live[kind.name].(*appsv1.Deployment); ok && d.Status.ObservedGeneration < d.Generation {
		s.stale = true
	}
	if s.memory.applied.record(kind.name, wanted, made, s.now) == undoneTold && live != nil {
		r.tellUndone(ctx, s, kind.name, live)
	}
	return nil
}

// tellUndone tells once of somebody who wants a child otherwise: it is left to the owner
// of both which of the two has to go.
func (r *RouteReconciler) tellUndone(ctx context.Context, s *scope, kind string, live client.Object) {
	who := lastOther(live)
	if who == "" {
		return
	}
	logf.FromContext(ctx).Info("what is applied is undone again and again", "route", s.key, "kind", kind, "by", who)
	r.Recorder.Eventf(s.route, nil, corev1.EventTypeWarning, "Undone", "Apply",
		"%s %s is changed again each time that it was applied, last by %q; it is applied again at ever longer intervals", kind, live.GetName(), who)
}

// lastOther is the field manager that wrote an object last, of those that are not us.
func lastOther(live client.Object) (name string) {
	var last time.Time
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != string(fieldManager) && entry.Subresource == "" && entry.Time != nil && !entry.Time.Time.Before(last) {
			name, last = entry.Manager, entry.Time.Time
		}
	}
	return name
}

// writeChild writes an intent, in JSON, and returns what became of it; no version where there is no
// writing any more.
func (r *RouteReconciler) writeChild(ctx context.Context, s *scope, kind childKind, intent []byte, live client.Object) (write, error) {
	if err := r.handOver(ctx, s, live); err != nil {
		return write{}, err
	}
	object := kind.empty()
	object.SetNamespace(s.key.Namespace)
	object.SetName(s.childKey().Name)
	err := r.send(ctx, object, intent)
	if apierrors.IsInvalid(err) && live != nil {
		err = r.overwrite(ctx, object, intent, live)
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return write{}, nil // the route is about to go with its namespace
	}
	if err != nil {
		return write{}, fmt.Errorf("apply %s of %s: %w", kind.name, s.key, err)
	}
	s.live[kind.name] = object
	made := kind.left(object)
	if live == nil {
		return made, r.begin(ctx, s, kind.name, made.version)
	}
	return made, nil
}

// send applies an intent and reads the answer into an object. client.Apply would read it into the intent,
// which has no room for managed fields, by way of maps.
func (r *RouteReconciler) send(ctx context.Context, object client.Object, intent []byte) error {
	return r.Client.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, intent), fieldManager, client.ForceOwnership)
}

// left reads what a write left from the API server's answer to it.
func (k childKind) left(object client.Object) write {
	made := write{version: object.GetResourceVersion()}
	if kept, err := k.ours(object); err == nil { // else it stands by its version alone
		made.kept = kept
	}
	return made
}

// deleteChild keeps the pace of writes: whoever brings it back may do so for ever.
func (r *RouteReconciler) deleteChild(ctx context.Context, s *scope, kind childKind, live client.Object) error {
	if wait := s.memory.applied.wait(kind.name, sum{}, s.now); wait > 0 {
		s.again = sooner(s.again, wait)
		return nil
	}
	if err := r.Client.Delete(ctx, live, client.Preconditions{UID: new(live.GetUID())}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %s of %s: %w", kind.name, s.key, err)
	}
	s.memory.applied.record(kind.name, sum{}, write{}, s.now)
	return nil
}

// overwrite replaces a spec that a foreign edit has made one that ours cannot be
// merged into: ports, for example, are merged by number, so that an edited number
// leaves two ports of one name.
func (r *RouteReconciler) overwrite(ctx context.Context, object client.Object, intent []byte, live client.Object) error {
	wanted := struct {
		Spec map[string]any `json:"spec"`
	}{}
	if err := json.Unmarshal(intent, &wanted); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if d, ok := live.(*appsv1.Deployment); ok && wanted.Spec["replicas"] == nil {
		wanted.Spec["replicas"] = d.Spec.Replicas // the autoscaler's
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
		{"op": "replace", "path": "/spec", "value": wanted.Spec},
	})
	if err != nil {
		return fmt.Errorf("encode patch: %w", err)
	}
	if err := r.Client.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch), fieldManager); err != nil {
		return fmt.Errorf("replace spec: %w", err)
	}
	if err := r.send(ctx, object, intent); err != nil {
		return fmt.Errorf("apply again: %w", err)
	}
	return nil
}

// refusal is what the API server says of a child that it does not take, for the
// route's status; empty where the next try may well succeed.
func refusal(err error) string {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return ""
	}
	switch status.Status().Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusInternalServerError:
		return status.Status().Message
	default:
		return ""
	}
}

// convert goes by JSON, which an object, its apply configuration and a part of
// either share.
func convert(from, to any) error {
	encoded, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := json.Unmarshal(encoded, to); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}
