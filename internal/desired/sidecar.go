package desired

import (
	"time"

	corev1api "k8s.io/api/core/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

const (
	// tokenFolder is where a Pod's service-account token is mounted into every
	// container that has nothing there.
	tokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount" //nolint:gosec // a path
	noToken     = "no-token"
)

// grace is the Pod's grace period, which the schema does not bound.
func (in Input) grace() time.Duration {
	return time.Duration(min(max(in.Grace, 0), 24*60*60)) * time.Second
}

// Sidecar returns what a Pod gets to run the proxy beside its application: a
// restartable init container (KEP-753), which starts before the application's
// containers, ends after them and keeps no Job from completing, and its volumes. The error is
// a defect of ours.
func Sidecar(in Input) (corev1api.Container, []corev1api.Volume, error) {
	c := container(in).
		WithName(v1alpha1.SidecarName).
		WithRestartPolicy(corev1api.ContainerRestartPolicyAlways).
		// The application calls on loopback, and its own ports may be backends.
		WithArgs("--address=127.0.0.1", "--allow-loopback", "--drain-delay=0s", "--drain-timeout="+drainTimeout(in.grace(), 0).String())
	// The Pod's own settings are the application's.
	c.SecurityContext.WithRunAsNonRoot(true).
		WithSeccompProfile(corev1.SeccompProfile().WithType(corev1api.SeccompProfileTypeRuntimeDefault))
	if !in.Options.OmitUser {
		c.SecurityContext.WithRunAsUser(user).WithRunAsGroup(user)
	}
	sidecar, err := convert[corev1api.Container](c)
	if err != nil {
		return corev1api.Container{}, nil, err
	}
	// Without this the API server would mount the application's token here too.
	sidecar.VolumeMounts = append(sidecar.VolumeMounts, corev1api.VolumeMount{Name: noToken, MountPath: tokenFolder, ReadOnly: true})
	list := []corev1api.Volume{{Name: noToken, VolumeSource: corev1api.VolumeSource{EmptyDir: &corev1api.EmptyDirVolumeSource{}}}}
	for _, v := range volumes(in) {
		volume, err := convert[corev1api.Volume](v)
		if err != nil {
			return corev1api.Container{}, nil, err
		}
		if volume.ConfigMap != nil { // a Pod must start without its document too
			volume.ConfigMap.Optional = new(true)
		}
		if volume.Projected != nil { // no fsGroup of ours; only the sidecar mounts it
			volume.Projected.DefaultMode = new(int32(0o444))
		}
		list = append(list, *volume)
	}
	// The names of volumes are the application's to choose too.
	for i := range list {
		list[i].Name = "fanout-" + list[i].Name
	}
	for i := range sidecar.VolumeMounts {
		sidecar.VolumeMounts[i].Name = "fanout-" + sidecar.VolumeMounts[i].Name
	}
	return *sidecar, list, nil
}
