package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Proxy says how the proxies of a route run.
type Proxy struct {
	// replicas is the number of proxies, 0 to 1000. Default: 2.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// resources are those of the proxy's container. Default: requests of 100m CPU
	// and 64Mi memory, a limit of 256Mi memory.
	// +optional
	// +kubebuilder:default={requests: {cpu: "100m", memory: "64Mi"}, limits: {memory: "256Mi"}}
	Resources corev1.ResourceRequirements `json:"resources,omitempty,omitzero"`

	// template is what the proxies' Pods have beyond that.
	// +optional
	Template *PodTemplate `json:"template,omitempty"`

	// service is the route's Service.
	// +optional
	// +kubebuilder:default={}
	Service ProxyService `json:"service,omitempty,omitzero"`
}

// PodTemplate is what the proxies' Pods have beyond what the operator sets.
//
// +kubebuilder:validation:XValidation:rule="!has(self.labels) || self.labels.all(k, !k.startsWith('fanout.dev/') && !k.startsWith('app.kubernetes.io/'))",message="proxy.template.labels must not begin with fanout.dev/ or app.kubernetes.io/: the operator sets those"
// +kubebuilder:validation:XValidation:rule="!has(self.annotations) || self.annotations.all(k, !k.startsWith('fanout.dev/'))",message="proxy.template.annotations must not begin with fanout.dev/: the operator sets those"
type PodTemplate struct {
	// labels are added to the Pods. At most 32.
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
