package controllers

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// rotated is the versions of Secrets that a Pod was told of, how often, and when. No proxy
// says which version it holds, so that each Pod is told twice: the kubelet may see it before
// it sees the Secret.
type rotated struct {
	versions string
	count    int // 0 where the Pod was not seen yet
	at       time.Time
}

// due says whether a Pod is to be told of these versions now, and when to look again;
// 0 for not at all. A Pod that is seen for the first time has read them already.
func (x *rotated) due(versions string, now time.Time) (tell bool, again time.Duration) {
	switch {
	case x.count == 0:
		*x = rotated{versions, 2, now}
	case x.versions != versions:
		*x, tell, again = rotated{versions, 1, now}, true, nudgeAgain
	case x.count == 1 && now.Sub(x.at) >= nudgeAgain:
		x.count, tell = 2, true
	case x.count == 1:
		again = nudgeAgain - now.Sub(x.at)
	}
	return tell, again
}

// rotate tells the kubelets of a route's Pods that Secrets of theirs have changed. It
// returns when to look again; 0 for not at all.
func (r *RouteReconciler) rotate(ctx context.Context, s *scope, now time.Time) (time.Duration, error) {
	if !r.WatchSecrets || s.halted() {
		return 0, nil
	}
	r.readers.set(s.key, s.secrets)
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
		tell, wait := s.memory.pod(pod.UID).rotated.due(versions, now)
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
