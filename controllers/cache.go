package controllers

import (
	"encoding/hex"
	"fmt"
	"maps"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// CacheOptions are those of the manager's cache: of Pods and children only those
// with our label, so that its size is that of the routes and not of the cluster, and of
// each object only what a pass reads.
func CacheOptions(namespaces []string) (cache.Options, error) {
	ours, err := labels.NewRequirement(v1alpha1.RouteLabel, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select by label: %w", err)
	}
	selector := labels.NewSelector().Add(*ours)
	o := cache.Options{
		DefaultTransform: slimmed(slimOther),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:           {Label: selector, Transform: slimmed(slimPod)},
			&v1alpha1.FanoutRoute{}: {Transform: slimmed(slimRoute)},
		},
	}
	for _, kind := range childKinds() {
		o.ByObject[kind.empty()] = cache.ByObject{Label: selector, Transform: slimmed(kind.slim), UnsafeDisableDeepCopy: new(true)}
	}
	o.DefaultNamespaces = only(namespaces)
	return o, nil
}

// only bounds a cache to some namespaces; none are all.
func only(namespaces []string) (list map[string]cache.Config) {
	for _, namespace := range namespaces {
		if list == nil {
			list = map[string]cache.Config{}
		}
		list[namespace] = cache.Config{}
	}
	return list
}

func slimmed(slim func(client.Object)) func(any) (any, error) {
	return func(content any) (any, error) {
		if object, ok := content.(client.Object); ok { // else the tombstone of one
			slim(object)
		}
		return content, nil
	}
}

// slim keeps of a child what says whose it is, and notes what we have applied, by which a pass knows
// what is to be written: of the spec nobody reads more. Of other field managers the names are kept. What
// is in the cache is never changed after this: passes share it. An object that comes again as it
// was kept, as one does when a watch begins anew, is left alone.
func (k childKind) slim(object client.Object) {
	if noted(object) {
		return
	}
	notes := map[string]string{}
	if ours, err := k.ours(object); err == nil {
		notes[oursNote] = hex.EncodeToString(ours[:])
	} else {
		notes[unreadNote] = err.Error()
	}
	if operator, ok := object.GetAnnotations()[v1alpha1.OperatorAnnotation]; ok {
		notes[v1alpha1.OperatorAnnotation] = operator
	}
	var others []metav1.ManagedFieldsEntry
	for _, entry := range object.GetManagedFields() {
		if entry.Manager != string(fieldManager) {
			entry.FieldsV1 = nil
			others = append(others, entry)
		}
	}
	object.SetManagedFields(others)
	switch of := object.(type) {
	case *corev1.ConfigMap:
		notes[documentNote] = routeconfig.Hash([]byte(of.Data[desired.DocumentKey]))
		of.Data, of.BinaryData = nil, nil
	case *corev1.Service:
		of.Spec, of.Status = corev1.ServiceSpec{}, corev1.ServiceStatus{}
	case *appsv1.Deployment:
		of.Spec = appsv1.DeploymentSpec{Replicas: of.Spec.Replicas, Paused: of.Spec.Paused}
	case *networkingv1.NetworkPolicy:
		of.Spec = networkingv1.NetworkPolicySpec{}
	case *policyv1.PodDisruptionBudget:
		of.Spec, of.Status = policyv1.PodDisruptionBudgetSpec{}, policyv1.PodDisruptionBudgetStatus{}
	case *autoscalingv2.HorizontalPodAutoscaler:
		of.Spec, of.Status = autoscalingv2.HorizontalPodAutoscalerSpec{}, autoscalingv2.HorizontalPodAutoscalerStatus{}
	}
	object.SetAnnotations(notes)
}

// noted reports whether an object has been slimmed.
func noted(object client.Object) bool {
	_, ours := object.GetAnnotations()[oursNote]
	_, unread := object.GetAnnotations()[unreadNote]
	return ours || unread
}

// slimOther is for the metadata of Secrets, of which a name and a version are read: kubectl's
// copy of a whole Secret, which is an annotation, must not stay in our memory.
func slimOther(object client.Object) {
	object.SetManagedFields(nil)
	object.SetAnnotations(nil)
}

// slimRoute drops kubectl's copy of the whole route, too.
func slimRoute(object client.Object) {
	object.SetManagedFields(nil)
	annotations := object.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	object.SetAnnotations(annotations)
}

// slimPod keeps what its facts are read from: labels, our annotations, the service account, the names and ports of
// containers, the memory that a proxy may take, and of the status whatever says how the proxy is. A
// Pod of an application may be many times that. What is written to a Pod is a patch of
// annotations, which does not touch what is missing here.
func slimPod(object client.Object) {
	object.SetManagedFields(nil)
	object.SetOwnerReferences(nil)
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	maps.DeleteFunc(pod.Annotations, func(key, _ string) bool { return !strings.HasPrefix(key, ourPrefix) })
	pod.Spec = corev1.PodSpec{
		ServiceAccountName: pod.Spec.ServiceAccountName,
		InitContainers:     slimContainers(pod.Spec.InitContainers), Containers: slimContainers(pod.Spec.Containers),
	}
	status := pod.Status
	pod.Status = corev1.PodStatus{
		Phase: status.Phase, Reason: status.Reason, Message: status.Message, PodIP: status.PodIP,
		InitContainerStatuses: slimStatuses(status.InitContainerStatuses), ContainerStatuses: slimStatuses(status.ContainerStatuses),
	}
	for _, c := range status.Conditions {
		if c.Type == corev1.PodReady || c.Status != corev1.ConditionTrue {
			pod.Status.Conditions = append(pod.Status.Conditions, c)
		}
	}
}

// ourPrefix is that of labels and annotations of ours.
const ourPrefix = "fanout.dev/"

func slimStatuses(list []corev1.ContainerStatus) (out []corev1.ContainerStatus) {
	for i := range list {
		c := &list[i]
		out = append(out, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: c.Ready, Started: c.Started, RestartCount: c.RestartCount, State: c.State, LastTerminationState: c.LastTerminationState,
		})
	}
	return out
}

func slimContainers(list []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for i := range list {
		c := corev1.Container{Name: list[i].Name, Ports: list[i].Ports}
		if limit, ok := list[i].Resources.Limits[corev1.ResourceMemory]; ok && (c.Name == v1alpha1.SidecarName || c.Name == v1alpha1.ProxyName) {
			c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: limit}
		}
		out = append(out, c)
	}
	return out
}
