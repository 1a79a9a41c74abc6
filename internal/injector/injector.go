// Package injector gives Pods their sidecar: it answers the webhook of Pods that are being
// created, and keeps the certificates by which the API server trusts it. It reads routes, and
// writes nothing but the webhook's own bundle.
package injector

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	jsonpatch "gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/pods"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Handler gives Pods their sidecar when they are created. It never refuses one: an
// application starts without its sidecar rather than not at all, and the route's
// status counts it. The sidecars of another operator's routes are that one's to give.
// (failurePolicy is for calls that fail: an error that is answered would refuse the Pod.)
type Handler struct {
	Client  client.Reader
	Compile compile.Options
	Proxies desired.Options
	// Namespaces are those that the operator serves; none for all.
	Namespaces []string
}

// Handle implements admission.Handler.
func (h *Handler) Handle(ctx context.Context, request admission.Request) (response admission.Response) {
	defer func() {
		if problem := recover(); problem != nil {
			logf.FromContext(ctx).Error(fmt.Errorf("panic: %v", problem), "pod not injected")
			response = without("the injector failed")
		}
	}()
	if len(h.Namespaces) > 0 && !slices.Contains(h.Namespaces, request.Namespace) {
		return admission.Allowed("")
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(request.Object.Raw, pod); err != nil {
		return without("read pod: " + err.Error())
	}
	key := types.NamespacedName{Namespace: request.Namespace, Name: pod.Labels[v1alpha1.RouteLabel]}
	route := &v1alpha1.FanoutRoute{}
	if err := h.Client.Get(ctx, key, route); err != nil {
		if apierrors.IsNotFound(err) {
			return without("there is no FanoutRoute " + key.Name)
		}
		logf.FromContext(ctx).Error(err, "pod not injected", "route", key)
		return without("the FanoutRoute " + key.Name + " cannot be read")
	}
	if route.Spec.Proxy.Mode != v1alpha1.ModeSidecar || pods.HasSidecar(pod) {
		return admission.Allowed("")
	}
	// A proxy of ours beside the document of another operator's version may not understand it.
	if other := route.Status.Operator; other != "" && other != h.Proxies.Operator {
		return without("the FanoutRoute " + key.Name + " belongs to the operator of Lease " + other)
	}
	compiled, why := h.accepted(route)
	if why != "" {
		return without("the FanoutRoute " + key.Name + " is not accepted: " + why)
	}
	sidecar, volumes, err := desired.Sidecar(desired.Input{
		Route: route, Compiled: compiled, Options: beside(pod, h.Proxies), Grace: graceOf(pod), Account: pod.Spec.ServiceAccountName,
	})
	if err != nil {
		logf.FromContext(ctx).Error(err, "pod not injected", "route", key)
		return without("its container cannot be made")
	}
	if why := clash(pod, volumes, desired.AdminPort, int32(compiled.Listener.Port)); why != "" { //nolint:gosec // a port
		return without(why)
	}
	patch := append(injection(pod, sidecar, volumes), pulling(pod, h.Proxies.ImagePullSecrets)...)
	return admission.Patched("", patch...)
}

// beside are the options for a sidecar of that Pod. One whose containers run as root unless
// they say otherwise would not start with a sidecar that must not and says nothing.
func beside(pod *corev1.Pod, o desired.Options) desired.Options {
	if c := pod.Spec.SecurityContext; c != nil && c.RunAsUser != nil && *c.RunAsUser == 0 {
		o.OmitUser = false
	}
	return o
}

// graceOf is the grace period of a Pod in seconds, with the API server's default.
func graceOf(pod *corev1.Pod) int64 {
	if grace := pod.Spec.TerminationGracePeriodSeconds; grace != nil {
		return *grace
	}
	return corev1.DefaultTerminationGracePeriodSeconds
}

// accepted compiles all of a route but its expressions: a Pod must not wait for those, and
// what is wrong with them stands in the route's status. It says what is wrong, or nothing.
func (h *Handler) accepted(route *v1alpha1.FanoutRoute) (compiled *routeconfig.Route, why string) {
	compiled, _, errs := compile.Unchecked(route, h.Compile)
	if len(errs) > 0 {
		return nil, errs.ToAggregate().Error()
	}
	c := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionAccepted)
	if c != nil && c.Status == metav1.ConditionFalse && c.ObservedGeneration == route.Generation {
		return nil, c.Message
	}
	return compiled, ""
}

// without lets a Pod through and tells whoever creates it.
func without(why string) admission.Response {
	return admission.Allowed("").WithWarnings("fanout: the Pod gets no sidecar: " + why)
}

// injection puts the sidecar first, since the application's own init containers may
// call. It only adds: what the Pod has may be of a newer API than ours.
func injection(pod *corev1.Pod, sidecar corev1.Container, volumes []corev1.Volume) (patch []jsonpatch.Operation) {
	if len(pod.Spec.InitContainers) == 0 {
		patch = append(patch, jsonpatch.NewOperation("add", "/spec/initContainers", []corev1.Container{sidecar}))
	} else {
		patch = append(patch, jsonpatch.NewOperation("add", "/spec/initContainers/0", sidecar))
	}
	if len(pod.Spec.Volumes) == 0 {
		return append(patch, jsonpatch.NewOperation("add", "/spec/volumes", volumes))
	}
	for _, v := range volumes {
		patch = append(patch, jsonpatch.NewOperation("add", "/spec/volumes/-", v))
	}
	return patch
}

// pulling adds the Secrets with which nodes pull the sidecar's image to those that the Pod
// has, by then also from its service account.
func pulling(pod *corev1.Pod, names []string) (patch []jsonpatch.Operation) {
	var add []corev1.LocalObjectReference
	for _, name := range names {
		ours := corev1.LocalObjectReference{Name: name}
		if !slices.Contains(pod.Spec.ImagePullSecrets, ours) && !slices.Contains(add, ours) {
			add = append(add, ours)
		}
	}
	if len(add) > 0 && len(pod.Spec.ImagePullSecrets) == 0 {
		return []jsonpatch.Operation{jsonpatch.NewOperation("add", "/spec/imagePullSecrets", add)}
	}
	for _, ours := range add {
		patch = append(patch, jsonpatch.NewOperation("add", "/spec/imagePullSecrets/-", ours))
	}
	return patch
}

// clash says what of the Pod a sidecar would collide with: the application would not
// start any more. It knows the ports that the Pod declares.
func clash(pod *corev1.Pod, volumes []corev1.Volume, ports ...int32) string {
	if pod.Spec.HostNetwork {
		return "it is on the node's network, on which the sidecar's ports would be the node's"
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name == v1alpha1.SidecarName {
			return fmt.Sprintf("its container %q has the sidecar's name", c.Name)
		}
		for _, port := range c.Ports {
			if slices.Contains(ports, port.ContainerPort) {
				return fmt.Sprintf("its container %q has port %d, on which the sidecar listens: change spec.listener.port, or the container's", c.Name, port.ContainerPort)
			}
		}
	}
	for _, v := range pod.Spec.Volumes {
		if slices.ContainsFunc(volumes, func(ours corev1.Volume) bool { return ours.Name == v.Name }) {
			return fmt.Sprintf("its volume %q has the name of one of the sidecar's", v.Name)
		}
	}
	return ""
}
