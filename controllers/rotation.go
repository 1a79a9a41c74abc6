package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// rotated is the versions of Secrets and ConfigMaps that a Pod was told of, how often, and when. No proxy
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

// rotate tells the kubelets of a route's Pods that Secrets or ConfigMaps of theirs have
// changed. It returns when to look again; 0 for not at all.
func (r *RouteReconciler) rotate(ctx context.Context, s *scope, now time.Time) (time.Duration, error) {
	if s.halted() {
		return 0, nil
	}
	versions, known, err := r.versions(ctx, s)
	if err != nil || !known || versions == "" {
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

// versions are those of all that a route reads and that is watched; empty for nothing.
func (r *RouteReconciler) versions(ctx context.Context, s *scope) (text string, known bool, err error) {
	text, known, err = r.configMaps.versions(ctx, s)
	if err != nil || !known || !r.WatchSecrets {
		return text, known, err
	}
	r.readers.set(s.key, s.mounted())
	secrets, err := r.secretVersions(ctx, s)
	return secrets + " " + text, err == nil, err
}

// secretVersions are those of the Secrets that a route reads, by their metadata.
func (r *RouteReconciler) secretVersions(ctx context.Context, s *scope) (string, error) {
	var versions []string
	for _, name := range s.mounted() {
		secret := metadataOf("Secret")
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: s.key.Namespace, Name: name}, secret)
		if err != nil && !apierrors.IsNotFound(err) {
			return "", fmt.Errorf("read metadata of secret %s/%s: %w", s.key.Namespace, name, err)
		}
		versions = append(versions, version(name, secret))
	}
	return strings.Join(versions, " "), nil
}

// mounted are the Secrets that the route reads, and those that say where its Pods' tokens may
// be sent.
func (s *scope) mounted() []string {
	if len(s.audiences) == 0 {
		return s.secrets
	}
	names := slices.Clone(s.secrets)
	if s.route.Spec.Proxy.Mode != v1alpha1.ModeSidecar {
		names = append(names, routeconfig.TokenHosts(desired.Account(s.route)))
	}
	for i := range s.pods { // of a sidecar's route, or of a Deployment that is being rolled
		if account := s.pods[i].object.Spec.ServiceAccountName; account != "" {
			names = append(names, routeconfig.TokenHosts(account))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
