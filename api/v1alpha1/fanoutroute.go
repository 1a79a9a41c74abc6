package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FanoutRoute sends each call that it receives to every one of its backends at
// once, answers as its success policy says, and reports the success rate of each.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=fr,categories=fanout,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.proxy.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Backends",type=string,JSONPath=`.status.healthyBackends`
// +kubebuilder:printcolumn:name="Success",type=string,JSONPath=`.status.traffic.successRate`
// +kubebuilder:printcolumn:name="P99",type=string,JSONPath=`.status.traffic.latency.p99`
// +kubebuilder:printcolumn:name="Rate",type=string,JSONPath=`.status.traffic.requestRate`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Mode",type=string,priority=1,JSONPath=`.spec.proxy.mode`
// +kubebuilder:printcolumn:name="URL",type=string,priority=1,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$')",message="metadata.name must be at most 50 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen"
type FanoutRoute struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's metadata. Its name is at most 50 characters.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is the behaviour asked for.
	// +required
	Spec FanoutRouteSpec `json:"spec,omitzero"`

	// status is what was observed. Before the operator has seen the route, Ready
	// is Unknown with reason Pending, so that nothing shows green too early.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the operator", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status FanoutRouteStatus `json:"status,omitempty,omitzero"`
}

// FanoutRouteList is a list of FanoutRoutes.
//
// +kubebuilder:object:root=true
type FanoutRouteList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty,omitzero"`
	// items are the routes.
	Items []FanoutRoute `json:"items"`
}

// FanoutRouteSpec is the behaviour asked for. Everything but the backends has a
// default.
//
// +kubebuilder:validation:XValidation:rule="self.proxy.mode != 'Sidecar' || self.listener.port != 9091",message="listener.port must not be 9091 with proxy.mode Sidecar: that is the proxy's admin port"
// +kubebuilder:validation:XValidation:rule="!has(self.dispatch.successPolicy.quorum) || self.dispatch.successPolicy.quorum.count <= self.backends.filter(b, !has(b.shadow)).size()",message="dispatch.successPolicy.quorum.count must not exceed the number of backends that are no shadows"
// +kubebuilder:validation:XValidation:rule="!has(self.dispatch.successPolicy.required) || self.dispatch.successPolicy.required.backends.all(n, self.backends.exists(b, b.name == n && !has(b.shadow)))",message="dispatch.successPolicy.required.backends must name backends of this route that are no shadows"
// +kubebuilder:validation:XValidation:rule="!has(self.response.primary) || self.backends.exists(b, b.name == self.response.primary.backend && !has(b.shadow))",message="response.primary.backend must name a backend of this route that is no shadow"
// +kubebuilder:validation:XValidation:rule="!has(self.response.primary) || !self.backends.exists(b, b.name == self.response.primary.backend && has(b.when))",message="response.primary.backend must not have when: its response is needed for every call"
// +kubebuilder:validation:XValidation:rule="self.backends.exists(b, !has(b.shadow))",message="backends must have one that is no shadow"
// +kubebuilder:validation:XValidation:rule="self.backends.all(b, !has(b.shadow) || !has(b.shadow.reference) || self.backends.exists(r, r.name == b.shadow.reference && !has(r.shadow)))",message="backends.shadow.reference must name a backend that is no shadow"
// +kubebuilder:validation:XValidation:rule="!(self.response.type in ['First', 'Primary']) || self.backends.all(b, !has(b.shadow) || !has(b.shadow.compare) || b.shadow.compare != 'Body')",message="backends.shadow.compare Body cannot go with response.type First or Primary: their body is passed on while it comes"
// +kubebuilder:validation:XValidation:rule="self.response.type != 'Primary' || self.dispatch.successPolicy.type != 'Any'",message="response.type Primary cannot go with dispatch.successPolicy.type Any: the primary would be required; use First"
// +kubebuilder:validation:XValidation:rule="!has(self.response.partialStatusCode) || self.dispatch.successPolicy.type in ['Required', 'BestEffort']",message="response.partialStatusCode applies only with dispatch.successPolicy.type Required or BestEffort"
// +kubebuilder:validation:XValidation:rule="!has(self.authentication) || !has(self.authentication.clientCertificate) || has(self.listener.tls)",message="authentication.clientCertificate needs listener.tls: a plain connection shows no certificate"
// +kubebuilder:validation:XValidation:rule="has(self.authentication) || !has(self.rateLimits) || self.rateLimits.all(l, !has(l.key) || !has(l.key.type) || l.key.type != 'Caller')",message="rateLimits.key.type Caller needs authentication: without it all callers are one"
type FanoutRouteSpec struct {
	// listener says which calls the route takes, and where. Default: every call,
	// on port 8080 of its Service.
	// +optional
	// +kubebuilder:default={}
	Listener Listener `json:"listener,omitempty,omitzero"`

	// authentication says who may call. Without it anyone may, and Accepted says
	// so with reason AcceptedUnauthenticated.
	// +optional
	Authentication *CallerAuthentication `json:"authentication,omitempty"`

	// authorization says what callers may do. Default: everything.
	// +optional
	Authorization *Authorization `json:"authorization,omitempty"`

	// rateLimits are limits on calls; each of them must admit a call, which is
	// else answered 429 with Retry-After. At most 8.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	RateLimits []CallRateLimit `json:"rateLimits,omitempty"`

	// rateLimitStore is where limits with scope Route are counted. Default: that of the
	// operator's --rate-limit-store.
	// +optional
	RateLimitStore *RateLimitStore `json:"rateLimitStore,omitempty"`

	// validation says which calls are well formed.
	// +optional
	// +kubebuilder:default={}
	Validation Validation `json:"validation,omitempty,omitzero"`

	// dispatch says when a call is decided, and what becomes of backends that
	// still work then.
	// +optional
	// +kubebuilder:default={}
	Dispatch Dispatch `json:"dispatch,omitempty,omitzero"`

	// backends are the receivers of every call, 1 to 32. Their order is the order
	// of everything in the response; it has no influence on who is asked first.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Backends []Backend `json:"backends,omitempty"`

	// response says how the backends' answers become one response.
	// +optional
	// +kubebuilder:default={type: "Envelope"}
	Response Response `json:"response,omitempty,omitzero"`

	// proxy says how the proxies of this route run.
	// +optional
	// +kubebuilder:default={}
	Proxy Proxy `json:"proxy,omitempty,omitzero"`
}

// Duration is a span of time in the format of GEP-2257: one to four numbers with
// a unit of h, m, s or ms, such as 500ms or 1m30s.
//
// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
// +kubebuilder:validation:MaxLength=28
type Duration string

// BackendName names a backend within its route: at most 63 lower-case letters,
// digits and hyphens, beginning with a letter.
//
// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
type BackendName string

// SecretName names a Secret in the route's own namespace.
//
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
type SecretName string

// HeaderName is an HTTP field name (RFC 9110, section 5.1).
//
// +kubebuilder:validation:Pattern="^[A-Za-z0-9!#$%&'*+.^_|~-]+$"
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
type HeaderName string

// Method is an HTTP method that a route may take or send.
//
// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;PATCH;DELETE;OPTIONS
type Method string
