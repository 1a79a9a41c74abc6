package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

const (
	// The kubelet refreshes a volume once a minute, but at once when the Pod changes
	// (measured: 0.2 s instead of 67 s). It may see the Pod before the ConfigMap, so
	// a Pod is told again after this long, then after twice that.
	nudgeAgain = 2 * time.Second
	// maxNudges bounds it: what five hints did not move, the next sync will.
	maxNudges = 5
	// hearAgain is when to look again for what a Pod serves that was not heard since its time to be
	// told again: the operator may have had no CPU meanwhile, and the proxies may have moved on.
	hearAgain = 250 * time.Millisecond
)

// told is of which document a Pod was told, how often, and when.
type told struct {
	document string
	count    int
	at       time.Time
}

// nudge tells the kubelets of Pods that do not serve the document that there is
// another one. It returns when to look again; 0 for not at all.
func (r *RouteReconciler) nudge(ctx context.Context, s *scope, now time.Time) (time.Duration, error) {
	if s.halted() {
		return 0, nil
	}
	behind := map[string]bool{} // of whom it is known
	if seen := r.Rates.Shown(s.key); seen != nil {
		for _, p := range seen.Proxies {
			behind[p.Name] = p.Heard() && p.Document != s.hash
		}
	}
	var again time.Duration
	for i := range s.pods {
		pod := &s.pods[i]
		if !behind[pod.Name] || !pod.Ready {
			continue // it serves the document, or nobody knows yet what it serves
		}
		wait, err := r.nudgePod(ctx, s, pod, now)
		if err != nil {
			return 0, err
		}
		again = sooner(again, wait)
	}
	return again, nil
}

// nudgePod changes an annotation of a Pod whose time has come, and returns when
// the next time is.
func (r *RouteReconciler) nudgePod(ctx context.Context, s *scope, pod *seenPod, now time.Time) (time.Duration, error) {
	kept := &s.memory.pod(pod.UID).told
	if kept.document != s.hash {
		*kept = recall(pod.object, s.hash, now)
	}
	t := *kept
	if t.count == maxNudges {
		return 0, nil
	}
	pause := nudgeAgain << max(t.count-1, 0)
	if t.count > 0 && now.Before(t.at.Add(pause)) {
		return t.at.Add(pause).Sub(now), nil
	}
	if t.count > 0 && !r.Rates.HeardSince(s.key, pod.Name, t.at.Add(pause-hearAgain)) {
		return hearAgain, nil
	}
	t.count++
	t.at = now
	err := r.annotate(ctx, pod.object, v1alpha1.DocumentAnnotation, s.hash, v1alpha1.NudgeAnnotation, strconv.Itoa(t.count))
	if err != nil {
		return 0, err
	}
	*kept = t
	return nudgeAgain << (t.count - 1), nil
}

// recall reads from a Pod how often it was told of a document before anybody here knows:
// an operator that starts does not begin anew.
func recall(pod *corev1.Pod, document string, now time.Time) told {
	t := told{document: document}
	if pod.Annotations[v1alpha1.DocumentAnnotation] == document {
		count, _ := strconv.Atoi(pod.Annotations[v1alpha1.NudgeAnnotation])
		t.count, t.at = min(max(count, 0), maxNudges), now
	}
	return t
}

// annotate sets annotations, given as keys and values, on a Pod that may be gone.
func (r *RouteReconciler) annotate(ctx context.Context, pod *corev1.Pod, pairs ...string) error {
	annotations := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		annotations[pairs[i]] = pairs[i+1]
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		return fmt.Errorf("encode annotations: %w", err)
	}
	// Of the answer, which is the whole Pod, nobody reads more than this.
	written := &metav1.PartialObjectMetadata{}
	written.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	written.Namespace, written.Name = pod.Namespace, pod.Name
	err = r.Client.Patch(ctx, written, client.RawPatch(types.MergePatchType, patch), fieldManager)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("annotate pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// sooner is the shorter of two waits, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
