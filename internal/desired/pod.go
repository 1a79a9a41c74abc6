package desired

import (
	"slices"

	corev1api "k8s.io/api/core/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// podSecurity keeps to Pod Security's restricted. Some platforms, OpenShift among them,
// give each namespace a range of users and refuse all others: the user is left out for
// them, and is the platform's or, by number, the image's.
func podSecurity(in Input) *corev1.PodSecurityContextApplyConfiguration {
	c := corev1.PodSecurityContext().WithRunAsNonRoot(true).
		WithSeccompProfile(corev1.SeccompProfile().WithType(corev1api.SeccompProfileTypeRuntimeDefault))
	if in.Options.OmitUser {
		return c
	}
	return c.WithRunAsUser(user).WithRunAsGroup(user).WithFSGroup(user)
}

// secretMode lets the proxy read mounted Secrets and ConfigMaps: by its group, or, where no group of ours
// is set, by everybody in the container, which is the proxy alone.
func secretMode(in Input) int32 {
	if in.Options.OmitUser {
		return 0o444
	}
	return 0o440
}

// identity is as whom the Pods run and their image is pulled.
func identity(pod *corev1.PodSpecApplyConfiguration, in Input, extra *v1alpha1.PodTemplate) {
	if extra.ServiceAccountName != "" {
		// The API server copies the one into the other, which is older: what is applied
		// without both would stay when both are gone (kubernetes/kubernetes#108208).
		pod.WithServiceAccountName(extra.ServiceAccountName).WithDeprecatedServiceAccount(extra.ServiceAccountName)
	}
	for _, name := range pullSecrets(in.Options, extra) {
		pod.WithImagePullSecrets(corev1.LocalObjectReference().WithName(name))
	}
}

// pullSecrets are those of the operator and of the route, each once: the API server keeps
// the list by name.
func pullSecrets(o Options, extra *v1alpha1.PodTemplate) (list []string) {
	for _, name := range o.ImagePullSecrets {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for i := range extra.ImagePullSecrets {
		if name := extra.ImagePullSecrets[i].Name; !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// names is how the Pods look hosts up.
func names(pod *corev1.PodSpecApplyConfiguration, extra *v1alpha1.PodTemplate) error {
	aliases, err := convertAll[corev1.HostAliasApplyConfiguration](extra.HostAliases)
	if err != nil {
		return err
	}
	pod.WithHostAliases(aliases...)
	if extra.DNSPolicy != "" {
		pod.WithDNSPolicy(corev1api.DNSPolicy(extra.DNSPolicy))
	}
	if extra.DNSConfig == nil {
		return nil
	}
	config, err := convert[corev1.PodDNSConfigApplyConfiguration](extra.DNSConfig)
	if err != nil {
		return err
	}
	pod.WithDNSConfig(config)
	return nil
}

// nameArgs tells the proxy that the route's author decides where names lead, so that a
// Secret that names the hosts which may get it does not trust them.
func nameArgs(extra *v1alpha1.PodTemplate) []string {
	if dns := extra.DNSConfig; len(extra.HostAliases) == 0 && (dns == nil || len(dns.Nameservers)+len(dns.Searches) == 0) {
		return nil
	}
	return []string{"--names-by-route"}
}
