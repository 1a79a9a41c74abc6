package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// ProxyMode is where proxies run.
//
// +kubebuilder:validation:Enum=Deployment;Sidecar
type ProxyMode string

// Where proxies run.
const (
	// ModeDeployment runs them as Pods of their own, behind a Service.
	ModeDeployment ProxyMode = "Deployment"
	// ModeSidecar runs one in each Pod that is labelled fanout.dev/route with the
	// route's name, in namespaces labelled fanout.dev/injection: enabled. It listens
	// on the Pod's loopback alone.
	ModeSidecar ProxyMode = "Sidecar"
)

// Proxy says how the proxies of a route run.
//
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode == 'Deployment' || !(has(self.autoscaling) || has(self.networkPolicy) || has(self.template))",message="proxy.autoscaling, proxy.networkPolicy and proxy.template apply only with proxy.mode Deployment: a sidecar shares its application's Pod"
// +kubebuilder:validation:XValidation:rule="!has(self.autoscaling) || has(self.resources.requests) && 'cpu' in self.resources.requests",message="proxy.autoscaling needs proxy.resources.requests.cpu, of which it measures a share"
type Proxy struct {
	// mode is Deployment (default) or Sidecar. It takes the operator's injector,
	// which config/overlays/sidecar installs, to run sidecars.
	// +optional
	// +kubebuilder:default=Deployment
	Mode ProxyMode `json:"mode,omitempty"`

	// replicas is the number of proxies, 0 to 1000. Default: 2. With autoscaling it
	// is where the autoscaler starts; with mode Sidecar there are as many as Pods.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// autoscaling lets a HorizontalPodAutoscaler choose the number of proxies.
	// Default: it stays at replicas.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`

	// networkPolicy restricts who reaches the proxies. Default: whoever the cluster
	// lets.
	// +optional
	NetworkPolicy *ProxyNetworkPolicy `json:"networkPolicy,omitempty"`

	// resources are those of the proxy's container. Default: requests of 100m CPU
	// and 64Mi memory, a limit of 256Mi memory.
	// +optional
	// +kubebuilder:default={requests: {cpu: "100m", memory: "64Mi"}, limits: {memory: "256Mi"}}
	Resources corev1.ResourceRequirements `json:"resources,omitempty,omitzero"`

	// template is what the proxies' Pods have beyond that. Without topology spread
	// constraints of their own they are spread over nodes where that can be.
	// +optional
	Template *PodTemplate `json:"template,omitempty"`

	// service is the route's Service.
	// +optional
	// +kubebuilder:default={}
	Service ProxyService `json:"service,omitempty,omitzero"`

	// accessLog says which calls have a line in the proxies' log. Default: one in 100
	// of those that are complete, and all others.
	// +optional
	AccessLog *AccessLog `json:"accessLog,omitempty"`

	// tracing says which calls are told of by spans, and whom. Default: none.
	// +optional
	Tracing *Tracing `json:"tracing,omitempty"`
}

// Autoscaling are the bounds of a HorizontalPodAutoscaler (autoscaling/v2).
//
// +kubebuilder:validation:XValidation:rule="self.minReplicas <= self.maxReplicas",message="proxy.autoscaling.minReplicas must not exceed maxReplicas"
type Autoscaling struct {
	// minReplicas is the smallest number of proxies, 1 to 1000. Default: 2.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinReplicas int32 `json:"minReplicas,omitempty"`

	// maxReplicas is the largest, 1 to 1000.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxReplicas int32 `json:"maxReplicas,omitempty"`

	// targetCPUUtilizationPercent is the share of the requested CPU that proxies
	// are to use, 1 to 1000. Default: 70.
	// +optional
	// +kubebuilder:default=70
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	TargetCPUUtilizationPercent int32 `json:"targetCPUUtilizationPercent,omitempty"`
}

// ProxyNetworkPolicy restricts who reaches the proxies. The admin port is open to
// the operator's namespace, and to whoever metricsFrom names.
//
// +kubebuilder:validation:XValidation:rule="!has(self.from) || self.from.all(p, has(p.ipBlock) != (has(p.podSelector) || has(p.namespaceSelector)))",message="proxy.networkPolicy.from must have either ipBlock or selectors in each entry"
// +kubebuilder:validation:XValidation:rule="!has(self.metricsFrom) || self.metricsFrom.all(p, has(p.ipBlock) != (has(p.podSelector) || has(p.namespaceSelector)))",message="proxy.networkPolicy.metricsFrom must have either ipBlock or selectors in each entry"
type ProxyNetworkPolicy struct {
	// from are those who may call, as in a NetworkPolicy. Default: everybody. At
	// most 32.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	From []networkingv1.NetworkPolicyPeer `json:"from,omitempty"`

	// metricsFrom are those who may reach the admin port beside the operator:
	// Prometheus, for example. Default: nobody. At most 8.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	MetricsFrom []networkingv1.NetworkPolicyPeer `json:"metricsFrom,omitempty"`
}

// PodTemplate is what the proxies' Pods have beyond what the operator sets.
//
// +kubebuilder:validation:XValidation:rule="!has(self.labels) || self.labels.all(k, !k.startsWith('fanout.dev/') && !(k in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/managed-by']))",message="proxy.template.labels must not begin with fanout.dev/ nor be app.kubernetes.io/name, instance or managed-by: the operator sets those"
// +kubebuilder:validation:XValidation:rule="!has(self.annotations) || self.annotations.all(k, !k.startsWith('fanout.dev/'))",message="proxy.template.annotations must not begin with fanout.dev/: the operator sets those"
// +kubebuilder:validation:XValidation:rule="!has(self.dnsPolicy) || self.dnsPolicy != 'None' || (has(self.dnsConfig) && has(self.dnsConfig.nameservers))",message="proxy.template.dnsConfig.nameservers is needed with dnsPolicy None, which has no others"
type PodTemplate struct {
	// labels are added to the Pods and to every other object that the operator makes for
	// the route: its own labels reach none of them. At most 32.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Labels map[string]string `json:"labels,omitempty"`

	// annotations are added to the Pods. At most 32.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Annotations map[string]string `json:"annotations,omitempty"`

	// nodeSelector is that of the Pods. At most 32.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations are those of the Pods. At most 32.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// affinity is that of the Pods.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// topologySpreadConstraints are those of the Pods. At most 16.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// priorityClassName is that of the Pods. Default: the cluster's.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// runtimeClassName is that of the Pods. Default: the cluster's.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName string `json:"runtimeClassName,omitempty"`

	// serviceAccountName is the service account of the Pods, which must be there: else
	// none starts. Its token is not mounted. Default: default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// imagePullSecrets name Secrets of the route's namespace with which nodes pull the
	// proxies' image, beside those of the operator's --proxy-image-pull-secret. Default:
	// those of the service account. At most 16.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []ImagePullSecret `json:"imagePullSecrets,omitempty"`

	// hostAliases are lines of the Pods' /etc/hosts. Where there are some, a Secret with
	// allowedHosts is sent to none of the names in it, since they lead where the route
	// says. At most 32.
	// +optional
	// +listType=map
	// +listMapKey=ip
	// +kubebuilder:validation:MaxItems=32
	HostAliases []HostAlias `json:"hostAliases,omitempty"`

	// dnsPolicy says where names are looked up: ClusterFirst (default) in the cluster,
	// Default as the node does, None by dnsConfig alone. With Default, and with None
	// without the cluster's domain in dnsConfig.searches, no Service is found.
	// +optional
	DNSPolicy DNSPolicy `json:"dnsPolicy,omitempty"`

	// dnsConfig is added to what dnsPolicy gives. With nameservers or searches a Secret
	// with allowedHosts is sent to none of the names in it, as with hostAliases.
	// +optional
	DNSConfig *DNSConfig `json:"dnsConfig,omitempty"`
}

// ServiceType is the type of the route's Service.
//
// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
type ServiceType string

// ProxyService is the route's Service.
type ProxyService struct {
	// type is ClusterIP (default), NodePort or LoadBalancer.
	// +optional
	// +kubebuilder:default=ClusterIP
	Type ServiceType `json:"type,omitempty"`

	// annotations are added to the Service, for load balancers. At most 32.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Annotations map[string]string `json:"annotations,omitempty"`
}
