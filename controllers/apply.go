package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apply makes the children what they are to be, and deletes those that the route
// does not ask for any more.
func (r *RouteReconciler) apply(ctx context.Context, s *scope) error {
	if s.halted() {
		return nil
	}
	for _, kind := range childKinds() {
		live, intent := s.live[kind.name], kind.intent(s.children)
		switch {
		case intent != nil:
			if err := r.applyChild(ctx, s, kind.name, intent, live); err != nil {
				return err
			}
		case live != nil && live.GetDeletionTimestamp() == nil:
			if err := r.Client.Delete(ctx, live, client.Preconditions{UID: new(live.GetUID())}); client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("delete %s of %s: %w", kind.name, s.key, err)
			}
		}
	}
	return nil
}

// applyChild writes unless the live object is what an earlier write of the same
// intent left: a foreign edit changes the object and is repaired, a change of its
// status is none.
func (r *RouteReconciler) applyChild(
	ctx context.Context, s *scope, kind string, intent runtime.ApplyConfiguration, live client.Object,
) error {
	id := appliedID{s.key, kind}
	wanted, err := digest(intent)
	if err != nil {
		return fmt.Errorf("encode %s of %s: %w", kind, s.key, err)
	}
	if live != nil {
		seen, err := fingerprint(live)
		if err != nil {
			return fmt.Errorf("encode live %s of %s: %w", kind, s.key, err)
		}
		if r.applied.stands(id, wanted, live.GetResourceVersion(), seen) {
			return nil
		}
	}
	if err := r.handOver(ctx, s, live); err != nil {
		return err
	}
	err = r.Client.Apply(ctx, intent, fieldManager, client.ForceOwnership)
	if apierrors.IsInvalid(err) && live != nil {
		err = r.overwrite(ctx, intent, live)
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // the route is about to go with its namespace
	}
	if err != nil {
		return fmt.Errorf("apply %s of %s: %w", kind, s.key, err)
	}
	version, err := resourceVersion(intent)
	if err != nil {
		return fmt.Errorf("read applied %s of %s: %w", kind, s.key, err)
	}
	r.applied.record(id, wanted, version)
	if live == nil {
		return r.begin(ctx, s, kind, version)
	}
	return nil
}

// overwrite replaces a spec that a foreign edit has made one that ours cannot be
// merged into: ports, for example, are merged by number, so that an edited number
// leaves two ports of one name.
func (r *RouteReconciler) overwrite(ctx context.Context, intent runtime.ApplyConfiguration, live client.Object) error {
	object := struct {
		Spec map[string]any `json:"spec"`
	}{}
	if err := convert(intent, &object); err != nil {
		return err
	}
	if d, ok := live.(*appsv1.Deployment); ok && object.Spec["replicas"] == nil {
		object.Spec["replicas"] = d.Spec.Replicas // the autoscaler's
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
		{"op": "replace", "path": "/spec", "value": object.Spec},
	})
	if err != nil {
		return fmt.Errorf("encode patch: %w", err)
	}
	if err := r.Client.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch), fieldManager); err != nil {
		return fmt.Errorf("replace spec: %w", err)
	}
	if err := r.Client.Apply(ctx, intent, fieldManager, client.ForceOwnership); err != nil {
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

type appliedID struct {
	route types.NamespacedName
	kind  string
}

// applied is what one write left.
type applied struct {
	intent  [sha256.Size]byte
	version string // resourceVersion that the write returned
	// content is that of the object at this version, once it was seen in the cache.
	content  [sha256.Size]byte
	complete bool
}

// appliedIntents remembers the last write of each child. It is lost at a restart,
// after which each child is written once, to no effect.
type appliedIntents struct {
	mu   sync.Mutex
	last map[appliedID]applied
}

// stands reports whether the live object is still what the same intent left.
func (a *appliedIntents) stands(id appliedID, intent [sha256.Size]byte, version string, content [sha256.Size]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.last[id]
	if !ok || last.intent != intent {
		return false
	}
	if last.version == version {
		last.content, last.complete = content, true
		a.last[id] = last
		return true
	}
	return last.complete && last.content == content
}

func (a *appliedIntents) record(id appliedID, intent [sha256.Size]byte, version string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = map[appliedID]applied{}
	}
	a.last[id] = applied{intent: intent, version: version}
}

func (a *appliedIntents) forget(route types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.last {
		if id.route == route {
			delete(a.last, id)
		}
	}
}

func digest(value any) ([sha256.Size]byte, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encode: %w", err)
	}
	return sha256.Sum256(encoded), nil
}

// fingerprint covers what of an object somebody asked for, and leaves out what the
// API server and controllers note on it.
func fingerprint(live client.Object) ([sha256.Size]byte, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("convert: %w", err)
	}
	delete(content, "status")
	content["metadata"] = map[string]any{
		"labels": live.GetLabels(), "annotations": live.GetAnnotations(), "owners": live.GetOwnerReferences(),
	}
	return digest(content)
}

// resourceVersion reads the version that the API server answered with: Apply
// leaves its answer in the apply configuration.
func resourceVersion(intent runtime.ApplyConfiguration) (string, error) {
	object := struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}{}
	if err := convert(intent, &object); err != nil {
		return "", err
	}
	return object.Metadata.ResourceVersion, nil
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
