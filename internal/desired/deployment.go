package desired

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	corev1api "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	documentFolder    = "/etc/fanout/document"
	credentialsFolder = "/etc/fanout/credentials" //nolint:gosec // a path
	// user is nonroot of distroless images, and the one that our image names.
	user = 65532
	// drainDelay is the proxy's: how long it accepts calls after SIGTERM.
	drainDelay = 5 * time.Second
	// graceMargin is for the start of the drain, for calls that are cut, and the exit.
	graceMargin = 5 * time.Second
)

func deployment(in Input) (*appsv1.DeploymentApplyConfiguration, error) {
	pods, err := template(in)
	if err != nil {
		return nil, err
	}
	d := appsv1.Deployment(Name(in.Route), in.Route.Namespace).
		WithLabels(Labels(in.Route)).
		WithAnnotations(marks(in)).
		WithOwnerReferences(owner(in.Route))
	spec := appsv1.DeploymentSpec().
		WithSelector(metav1.LabelSelector().WithMatchLabels(Selector(in.Route))).
		WithStrategy(appsv1.DeploymentStrategy().WithType("RollingUpdate").
			WithRollingUpdate(appsv1.RollingUpdateDeployment().
				WithMaxUnavailable(intstr.FromInt32(0)).WithMaxSurge(intstr.FromString("25%")))).
		WithTemplate(pods)
	// An autoscaler's number is not ours to write, except for a start: see Start.
	if n := in.Route.Spec.Proxy.Replicas; n != nil && in.Route.Spec.Proxy.Autoscaling == nil {
		spec.WithReplicas(*n)
	}
	return d.WithSpec(spec), nil
}

func template(in Input) (*corev1.PodTemplateSpecApplyConfiguration, error) {
	extra := value(in.Route.Spec.Proxy.Template)
	pod := corev1.PodSpec().
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(int64(grace(in).Seconds())).
		WithSecurityContext(podSecurity(in)).
		WithContainers(container(in).
			WithName(v1alpha1.ProxyName).
			WithArgs("--drain-delay="+drainDelay.String(), "--drain-timeout="+drainTimeout(grace(in), drainDelay).String()).
			WithArgs(nameArgs(&extra)...).
			WithPorts(corev1.ContainerPort().WithName(CallsPortName).WithContainerPort(CallsPort).WithProtocol("TCP")).
			WithReadinessProbe(probe("/readyz").WithFailureThreshold(1).WithPeriodSeconds(2))).
		WithVolumes(volumes(in)...)
	identity(pod, in, &extra)
	if err := errors.Join(placement(pod, in.Route, &extra), names(pod, &extra)); err != nil {
		return nil, err
	}
	return corev1.PodTemplateSpec().
		WithLabels(Labels(in.Route)).
		WithAnnotations(extra.Annotations).
		WithSpec(pod), nil
}

// grace is the time in which a proxy has drained: it accepts calls for a while,
// reads the last body, and waits for the slowest backend. It is rounded up to 30 s,
// 1 m, 2 m and so on, since its change rolls the Pods, and an edit of a timeout
// should not.
func grace(in Input) time.Duration {
	total := drainDelay + in.Compiled.CallTime() + graceMargin
	rounded := 30 * time.Second
	for rounded < total {
		rounded *= 2
	}
	return rounded
}

// drainTimeout is what of a Pod's grace period is left for calls and streams that are under
// way when the proxy stops accepting; those that take longer are cut within the margin.
func drainTimeout(grace, delay time.Duration) time.Duration {
	return max(grace-delay-min(graceMargin, grace/4), 100*time.Millisecond)
}

// container is what a proxy's container is in either mode.
func container(in Input) *corev1.ContainerApplyConfiguration {
	resources := in.Route.Spec.Proxy.Resources
	c := corev1.Container().
		WithImage(in.Options.Image).
		WithCommand("/fanout-proxy").
		WithArgs("--document="+documentFolder+"/"+DocumentKey, "--credentials="+credentialsFolder,
			"--admin=:"+strconv.Itoa(AdminPort), "--require-mounts").
		WithArgs(in.Options.Args...).
		WithArgs(tokenArgs(in)...).
		WithPorts(corev1.ContainerPort().WithName(AdminPortName).WithContainerPort(AdminPort).WithProtocol("TCP")).
		WithStartupProbe(probe("/livez").WithFailureThreshold(30).WithPeriodSeconds(1)).
		WithLivenessProbe(probe("/livez").WithFailureThreshold(3).WithPeriodSeconds(10)).
		WithSecurityContext(corev1.SecurityContext().
			WithAllowPrivilegeEscalation(false).WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1.Capabilities().WithDrop("ALL"))).
		WithVolumeMounts(mounts(in)...)
	if len(resources.Requests)+len(resources.Limits) > 0 { // the API server drops an empty one, and it would differ for ever
		c.WithResources(corev1.ResourceRequirements().WithRequests(resources.Requests).WithLimits(resources.Limits))
	}
	if limit, ok := resources.Limits[corev1api.ResourceMemory]; ok {
		c.WithEnv(corev1.EnvVar().WithName("GOMEMLIMIT").WithValue(memoryLimit(limit)))
	}
	return c
}

// memoryLimit leaves a tenth to what the Go runtime does not count.
func memoryLimit(limit resource.Quantity) string {
	return strconv.FormatInt(limit.Value()/10*9, 10)
}

func probe(path string) *corev1.ProbeApplyConfiguration {
	return corev1.Probe().
		WithHTTPGet(corev1.HTTPGetAction().WithPath(path).WithPort(portName(AdminPortName))).
		WithTimeoutSeconds(2)
}

func portName(name string) intstr.IntOrString { return intstr.FromString(name) }

func serviceType(t v1alpha1.ServiceType) corev1api.ServiceType {
	if t == "" {
		return corev1api.ServiceTypeClusterIP
	}
	return corev1api.ServiceType(t)
}

// volumeName is made of a hash: an object's name may be longer than a volume's.
func volumeName(kind routeconfig.Kind, name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	prefix := strings.ToLower(kind.String())
	if kind == routeconfig.KindToken {
		prefix = routeconfig.TokenKey
	}
	return fmt.Sprintf("%s-%016x", prefix, h.Sum64())
}

// volumes mounts Secrets and ConfigMaps as optional ones: a missing one must not keep a
// proxy from starting, but show as what its backend, or the route, lacks.
func volumes(in Input) []*corev1.VolumeApplyConfiguration {
	list := []*corev1.VolumeApplyConfiguration{
		corev1.Volume().WithName("document").
			WithConfigMap(corev1.ConfigMapVolumeSource().WithName(Name(in.Route))),
	}
	for _, secret := range in.Compiled.Secrets() {
		list = append(list, corev1.Volume().WithName(volumeName(routeconfig.KindSecret, secret)).
			WithProjected(corev1.ProjectedVolumeSource().WithDefaultMode(secretMode(in)).
				WithSources(corev1.VolumeProjection().
					WithSecret(corev1.SecretProjection().WithName(secret).WithOptional(true)))))
	}
	for _, name := range in.Compiled.ConfigMaps() {
		list = append(list, corev1.Volume().WithName(volumeName(routeconfig.KindConfigMap, name)).
			WithProjected(corev1.ProjectedVolumeSource().WithDefaultMode(secretMode(in)).
				WithSources(corev1.VolumeProjection().
					WithConfigMap(corev1.ConfigMapProjection().WithName(name).WithOptional(true)))))
	}
	return append(list, tokens(in)...)
}

func mounts(in Input) []*corev1.VolumeMountApplyConfiguration {
	list := []*corev1.VolumeMountApplyConfiguration{
		corev1.VolumeMount().WithName("document").WithMountPath(documentFolder).WithReadOnly(true),
	}
	list = append(list, mountsOf(in, routeconfig.KindSecret, in.Compiled.Secrets())...)
	list = append(list, mountsOf(in, routeconfig.KindConfigMap, in.Compiled.ConfigMaps())...)
	return append(list, mountsOf(in, routeconfig.KindToken, in.Compiled.Audiences())...)
}

func mountsOf(in Input, kind routeconfig.Kind, names []string) (list []*corev1.VolumeMountApplyConfiguration) {
	for _, name := range names {
		reference := routeconfig.Reference{Kind: kind, Name: name}
		list = append(list, corev1.VolumeMount().WithName(volumeName(kind, name)).
			WithMountPath(credentialsFolder+"/"+in.Route.Namespace+"/"+reference.Folder()).WithReadOnly(true))
	}
	return list
}

// placement copies what the user says of the Pods' place.
func placement(pod *corev1.PodSpecApplyConfiguration, route *v1alpha1.FanoutRoute, extra *v1alpha1.PodTemplate) error {
	pod.WithNodeSelector(extra.NodeSelector)
	if extra.PriorityClassName != "" {
		pod.WithPriorityClassName(extra.PriorityClassName)
	}
	if extra.RuntimeClassName != "" {
		pod.WithRuntimeClassName(extra.RuntimeClassName)
	}
	if extra.Affinity != nil {
		affinity, err := convert[corev1.AffinityApplyConfiguration](extra.Affinity)
		if err != nil {
			return err
		}
		pod.WithAffinity(affinity)
	}
	tolerations, err := convertAll[corev1.TolerationApplyConfiguration](extra.Tolerations)
	if err != nil {
		return err
	}
	constraints, err := convertAll[corev1.TopologySpreadConstraintApplyConfiguration](extra.TopologySpreadConstraints)
	if err != nil {
		return err
	}
	if len(constraints) == 0 {
		constraints = append(constraints, spread(route))
	}
	pod.WithTolerations(tolerations...).WithTopologySpreadConstraints(constraints...)
	return nil
}

// spread keeps the proxies of one version from sharing a node where there are more.
func spread(route *v1alpha1.FanoutRoute) *corev1.TopologySpreadConstraintApplyConfiguration {
	return corev1.TopologySpreadConstraint().
		WithMaxSkew(1).WithTopologyKey(corev1api.LabelHostname).
		WithWhenUnsatisfiable(corev1api.ScheduleAnyway).
		WithLabelSelector(metav1.LabelSelector().WithMatchLabels(Selector(route))).
		WithMatchLabelKeys("pod-template-hash")
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
