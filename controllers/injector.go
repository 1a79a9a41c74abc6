package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
)

// Injector gives Pods their sidecar when they are created. It never refuses one: an
// application starts without its sidecar rather than not at all, and the route's
// status counts it.
type Injector struct {
	Client  client.Reader
	Compile compile.Options
	Proxies desired.Options
}

// Handle implements admission.Handler.
func (i *Injector) Handle(ctx context.Context, request admission.Request) admission.Response {
	pod := &corev1.Pod{}
	if err := json.Unmarshal(request.Object.Raw, pod); err != nil {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("read pod: %w", err))
	}
	key := types.NamespacedName{Namespace: request.Namespace, Name: pod.Labels[v1alpha1.RouteLabel]}
	route := &v1alpha1.FanoutRoute{}
	if err := i.Client.Get(ctx, key, route); err != nil {
		if apierrors.IsNotFound(err) {
			return without("there is no FanoutRoute " + key.Name)
		}
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("read route %s: %w", key, err))
	}
	if route.Spec.Proxy.Mode != v1alpha1.ModeSidecar || hasSidecar(pod) {
		return admission.Allowed("")
	}
	compiled, errs := compile.Route(route, i.Compile)
	if len(errs) > 0 {
		return without("the FanoutRoute " + key.Name + " is not accepted: " + errs.ToAggregate().Error())
	}
	inject(pod, desired.Input{Route: route, Compiled: compiled, Secrets: compiled.Secrets(), Options: i.Proxies})
	changed, err := json.Marshal(pod)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("encode pod: %w", err))
	}
	return admission.PatchResponseFromRaw(request.Object.Raw, changed)
}

// without lets a Pod through and tells whoever creates it.
func without(why string) admission.Response {
	return admission.Allowed("").WithWarnings("fanout: the Pod gets no sidecar: " + why)
}

// inject puts the sidecar first: the application's own init containers may call.
func inject(pod *corev1.Pod, in desired.Input) {
	sidecar, volumes := desired.Sidecar(in)
	pod.Spec.InitContainers = slices.Insert(pod.Spec.InitContainers, 0, sidecar)
	pod.Spec.Volumes = append(pod.Spec.Volumes, volumes...)
}

func hasSidecar(pod *corev1.Pod) bool { return slices.ContainsFunc(pod.Spec.InitContainers, isSidecar) }

func isSidecar(c corev1.Container) bool { return c.Name == v1alpha1.SidecarName }
