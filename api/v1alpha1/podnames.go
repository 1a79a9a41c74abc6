package v1alpha1

// Types of our own, where those of core/v1 have no bounds, or defaults below list items,
// which make a client-side `kubectl apply` of an unchanged file write for ever.

// ImagePullSecret names a Secret of the types kubernetes.io/dockerconfigjson or
// kubernetes.io/dockercfg.
type ImagePullSecret struct {
	// name is that of the Secret. One that is missing is left out by the node.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name,omitempty"`
}

// HostAlias is a line of /etc/hosts.
type HostAlias struct {
	// ip is the address, of IPv4 or IPv6.
	// +required
	// +kubebuilder:validation:MaxLength=45
	// +kubebuilder:validation:XValidation:rule="isIP(self)",message="proxy.template.hostAliases.ip must be an address of IPv4 or IPv6"
	IP string `json:"ip,omitempty"`

	// hostnames are what is looked up as that address, in lower case. 1 to 16.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Hostnames []string `json:"hostnames,omitempty"`
}

// DNSPolicy is where the proxies' Pods look names up.
//
// +kubebuilder:validation:Enum=ClusterFirst;Default;None
type DNSPolicy string

// DNSConfig is added to a Pod's resolv.conf.
type DNSConfig struct {
	// nameservers are addresses of DNS servers, asked after those of dnsPolicy. At most 3.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:items:MaxLength=45
	// +kubebuilder:validation:XValidation:rule="self.all(s, isIP(s))",message="proxy.template.dnsConfig.nameservers must be addresses of IPv4 or IPv6"
	Nameservers []string `json:"nameservers,omitempty"`

	// searches are domains. They complete no host of a backend; one that begins with
	// svc. tells the cluster's domain, which completes those that end in .svc, where
	// dnsPolicy does not: svc.cluster.local. At most 8.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9_]([-a-z0-9_]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Searches []string `json:"searches,omitempty"`

	// options are those of resolv.conf, timeout and attempts for example. At most 16.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Options []DNSOption `json:"options,omitempty"`
}

// DNSOption is an option of resolv.conf.
type DNSOption struct {
	// name is that of the option.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9-]+$`
	Name string `json:"name,omitempty"`

	// value is what follows its colon. Default: nothing.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]*$`
	Value string `json:"value,omitempty"`
}
