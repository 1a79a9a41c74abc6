package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
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
		o.ByObject[kind.empty()] = cache.ByObject{Label: selector, Transform: slimmed(slimChild)}
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

// slimChild keeps of the managed fields those that we have applied, by which a pass knows
// what is to be written, and of other managers the name. Theirs may be longer than the
// object.
func slimChild(object client.Object) {
	list := object.GetManagedFields()
	for i := range list {
		entry := &list[i]
		if entry.Manager != string(fieldManager) || entry.Operation != metav1.ManagedFieldsOperationApply || entry.Subresource != "" {
			entry.FieldsV1 = nil
		}
	}
	object.SetManagedFields(list)
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

// slimPod keeps labels, annotations, the service account, the names and ports of containers, the memory that a
// proxy may take, and the status: a
// Pod of an application may be many times that. What is written to a Pod is a patch of
// annotations, which does not touch what is missing here.
func slimPod(object client.Object) {
	object.SetManagedFields(nil)
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	pod.Spec = corev1.PodSpec{
		ServiceAccountName: pod.Spec.ServiceAccountName,
		InitContainers:     slimContainers(pod.Spec.InitContainers), Containers: slimContainers(pod.Spec.Containers),
	}
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
