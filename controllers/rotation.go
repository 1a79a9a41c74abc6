package controllers

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// rotations tell Pods of Secrets that have changed, where the operator watches their
// metadata. No proxy says which version it holds, so that each Pod is told twice: the
// kubelet may see it before it sees the Secret.
type rotations struct {
	mu    sync.Mutex
	users map[types.NamespacedName]map[types.NamespacedName]bool // routes, by Secret

	pods podMemory[rotated]
}

// rotated is the versions that a Pod was told of, and when.
type rotated struct {
	versions string
	count    int
	at       time.Time
}

// reads records which Secrets a route reads.
func (x *rotations) reads(route types.NamespacedName, secrets []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.users == nil {
		x.users = map[types.NamespacedName]map[types.NamespacedName]bool{}
	}
	for _, routes := range x.users {
		delete(routes, route)
	}
	for _, name := range secrets {
		key := types.NamespacedName{Namespace: route.Namespace, Name: name}
		if x.users[key] == nil {
			x.users[key] = map[types.NamespacedName]bool{}
		}
		x.users[key][route] = true
	}
}

// readers are the routes that read a Secret.
func (x *rotations) readers(_ context.Context, secret client.Object) (list []reconcile.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for route := range x.users[client.ObjectKeyFromObject(secret)] {
		list = append(list, reconcile.Request{NamespacedName: route})
	}
	return list
}

func (x *rotations) forget(route types.NamespacedName) {
	x.reads(route, nil)
	x.pods.forget(route)
}

// due says whether a Pod is to be told of these versions now, and when to look again;
// 0 for not at all. A Pod that is seen for the first time has read them already.
func (x *rotations) due(pod types.UID, route types.NamespacedName, versions string, now time.Time) (tell bool, again time.Duration) {
	last, ok := x.pods.get(route, pod)
	switch {
	case !ok:
		last = rotated{versions, 2, now}
	case last.versions != versions:
		last, tell, again = rotated{versions, 1, now}, true, nudgeAgain
	case last.count == 1 && now.Sub(last.at) >= nudgeAgain:
		last.count, tell = 2, true
	case last.count == 1:
		again = nudgeAgain - now.Sub(last.at)
	}
	x.pods.set(route, pod, last)
	return tell, again
}

// rotate tells the kubelets of a route's Pods that Secrets of theirs have changed. It
// returns when to look again; 0 for not at all.
func (r *RouteReconciler) rotate(ctx context.Context, s *scope, now time.Time) (time.Duration, error) {
	if !r.WatchSecrets || s.halted() {
		return 0, nil
	}
	r.rotations.reads(s.key, s.secrets)
	r.rotations.pods.keep(s.key, s.pods)
	versions, err := r.secretVersions(ctx, s)
	if err != nil {
		return 0, err
	}
	var again time.Duration
	for i := range s.pods {
		pod := &s.pods[i]
		if !pod.Ready {
			continue
		}
		tell, wait := r.rotations.due(pod.UID, s.key, versions, now)
		again = sooner(again, wait)
		if !tell {
			continue
		}
		count, _ := strconv.Atoi(pod.object.Annotations[v1alpha1.RotationAnnotation])
		if err := r.annotate(ctx, pod.object, v1alpha1.RotationAnnotation, strconv.Itoa(count+1)); err != nil {
			return 0, err
		}
	}
	return again, nil
}

// secretVersions are those of the Secrets that a route reads, by their metadata.
func (r *RouteReconciler) secretVersions(ctx context.Context, s *scope) (string, error) {
	var versions []string
	for _, name := range s.secrets {
		secret := &metav1.PartialObjectMetadata{}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: s.key.Namespace, Name: name}, secret)
		if err != nil && !apierrors.IsNotFound(err) {
			return "", fmt.Errorf("read metadata of secret %s/%s: %w", s.key.Namespace, name, err)
		}
		versions = append(versions, name+"="+string(secret.UID)+"/"+secret.ResourceVersion)
	}
	return strings.Join(versions, " "), nil
}
