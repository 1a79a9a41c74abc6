package report

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

const (
	// rolloutDone is the reason of a Deployment's Progressing once all Pods of its template
	// have been available. It stays when Pods are lost or their number changes, until the
	// template does.
	rolloutDone = "NewReplicaSetAvailable"
	// rolloutOverdue is its reason where a rollout has not moved for progressDeadlineSeconds,
	// which are 600 s.
	rolloutOverdue = v1alpha1.ReasonProgressDeadlineExceeded
)

// current is the Deployment where what it says of a rollout is about the template that is to
// be: one that was read before the last write, or whose controller has not seen that, still
// speaks of the rollout before.
func current(in Input) *appsv1.Deployment {
	if d := in.Deployment; !sidecars(in) && d != nil && !in.Stale && d.Status.ObservedGeneration >= d.Generation {
		return d
	}
	return nil
}

// rolledOut reports whether all Pods of the template have been there once. Losses after that
// and other numbers of Pods begin no rollout. Sidecars come with their applications.
func rolledOut(in Input) bool {
	if sidecars(in) {
		return true
	}
	d := current(in)
	if d == nil {
		// What its controller has not seen yet, and we have not written, is another number of
		// Pods: an autoscaler's.
		return in.Deployment != nil && !in.Stale && once(in)
	}
	if d.Status.UpdatedReplicas != d.Status.Replicas {
		return false
	}
	if c := of(d, appsv1.DeploymentProgressing); c != nil && c.Reason == rolloutDone {
		return true
	}
	var wanted int32
	if n := d.Spec.Replicas; n != nil {
		wanted = *n
	}
	// A Deployment that is paused forgets that its rollout was done.
	return d.Status.UpdatedReplicas >= wanted && (d.Status.AvailableReplicas >= wanted || once(in))
}

// once reports whether the status says that nothing was under way any more in this
// generation.
func once(in Input) bool {
	c := meta.FindStatusCondition(in.Route.Status.Conditions, v1alpha1.ConditionReconciling)
	return c != nil && c.Status == metav1.ConditionFalse && c.ObservedGeneration == in.Route.Generation
}

func of(d *appsv1.Deployment, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == kind {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

// hindrance is what keeps Pods from being there. Its reason is that of a verdict on the
// Deployment, or empty where Pods alone are in trouble.
type hindrance struct{ reason, message string }

func hindered(in Input) hindrance {
	h := hindrance{}
	var parts []string
	add := func(text string) { parts = append(parts, Cut(text, maxLine)) }
	if d := current(in); d != nil {
		if c := of(d, appsv1.DeploymentReplicaFailure); c != nil && c.Status == corev1.ConditionTrue {
			h.reason = v1alpha1.ReasonReplicaFailure
			add("Pods are refused: " + nameless(c.Message, d.Name))
		}
		if c := of(d, appsv1.DeploymentProgressing); c != nil && c.Status == corev1.ConditionFalse && c.Reason == rolloutOverdue {
			h.reason = v1alpha1.ReasonProgressDeadlineExceeded
			add(rolloutOverdue + ": " + nameless(c.Message, d.Name))
		}
		if d.Spec.Paused {
			add(fmt.Sprintf("the Deployment is paused: kubectl rollout resume -n %s deployment/%s", d.Namespace, d.Name))
		}
	}
	var lines []string
	for i := range in.Pods {
		if line := in.Pods[i].Trouble; line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 {
		parts = append(parts, "Pods do not start: "+joined(lines, "; "))
	}
	h.message = strings.Join(parts, "; ")
	return h
}

// nameless is a message without what is random in the names of ReplicaSets and Pods: it
// would be another one at each attempt to make them.
func nameless(message, deployment string) string {
	before, after, found := strings.Cut(message, deployment+"-")
	if !found {
		return message
	}
	after = strings.TrimLeft(after, "abcdefghijklmnopqrstuvwxyz0123456789-")
	return before + deployment + "-…" + nameless(after, deployment)
}
