package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FanoutRouteStatus is what was observed.
type FanoutRouteStatus struct {
	// observedGeneration is the newest generation of the spec that was served by every
	// ready proxy, or refused, or given up by Kubernetes. Until then Reconciling speaks of
	// a newer one. Absent before the first.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// operator is the one that the route belongs to: the namespace and name of its Lease,
	// such as fanout-system/fanout-operator. Another operator that sees the route writes
	// neither its children nor its status while that Lease is renewed and a child bears it as
	// annotation fanout.dev/operator. Absent before an operator has seen the route, and where
	// it runs without leader election.
	// +optional
	// +kubebuilder:validation:MaxLength=317
	Operator string `json:"operator,omitempty"`

	// conditions are Accepted, ResolvedRefs, Programmed, Ready, BackendsHealthy,
	// Reconciling and Stalled, and SidecarsInjected with proxy.mode Sidecar.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// url is the address of the route within the cluster.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`

	// replicas is the number of proxies.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// readyReplicas is the number of proxies that are ready.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`

	// selector selects the Pods of the proxies, for the scale subresource.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Selector string `json:"selector,omitempty"`

	// traffic is that of the route, over all proxies, within five minutes. Absent without any.
	// +optional
	Traffic *Traffic `json:"traffic,omitempty"`

	// healthyBackends is the number of backends that are Healthy or Degraded, of the number
	// of all but shadows: 3/4. Absent while all are Idle, since nothing is known of them.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	HealthyBackends string `json:"healthyBackends,omitempty"`

	// backends are those of the spec, in its order.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Backends []BackendStatus `json:"backends,omitempty"`

	// reported are rules that would refuse calls, were they enforced: those of validation with
	// mode Report. Absent without such calls in the window of traffic. At most 16, in the
	// order of their names.
	// +optional
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MaxItems=16
	Reported []ReportedRule `json:"reported,omitempty"`
}

// ReportedRule is a rule that would refuse calls.
type ReportedRule struct {
	// rule is openAPI, jsonSchema, or the name of one of validation.rules.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Rule string `json:"rule,omitempty"`

	// rate is the number of such calls a second, such as 12.5/s.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Rate string `json:"rate,omitempty"`
}

// Traffic is the traffic of a route within a window.
type Traffic struct {
	// window is the span of time that the figures speak of.
	// +optional
	Window Duration `json:"window,omitempty"`

	// requestRate is the number of decided calls a second, such as 12.5/s.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	RequestRate string `json:"requestRate,omitempty"`

	// successRate is (complete + partial) / decided calls, such as 99.5%. Absent
	// without calls.
	// +optional
	// +kubebuilder:validation:MaxLength=8
	SuccessRate string `json:"successRate,omitempty"`

	// refusedRate is refused / (refused + decided) calls, such as 1.5%: refused are those that
	// make no call, by limits, authentication, validation or for want of room. Absent where
	// none is.
	// +optional
	// +kubebuilder:validation:MaxLength=8
	RefusedRate string `json:"refusedRate,omitempty"`

	// refusedFor is the reason for which most of them are, such as rate-limited: a label of
	// the metric fanout_refused_calls_total. Absent where none is.
	// +optional
	// +kubebuilder:validation:MaxLength=40
	RefusedFor string `json:"refusedFor,omitempty"`

	// latency is that of the responses.
	// +optional
	Latency *Latency `json:"latency,omitempty"`
}

// Latency are percentiles, exact to 5 %.
type Latency struct {
	// p50 is the median.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	P50 string `json:"p50,omitempty"`

	// p95 is the 95th percentile.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	P95 string `json:"p95,omitempty"`

	// p99 is the 99th percentile.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	P99 string `json:"p99,omitempty"`
}

// BackendState sums up how a backend is doing. It is judged by short windows, while all figures
// speak of five minutes: Failing and Slow by the last 15 s, 25 s, 1 min or 5 min, whichever is the
// shortest with ten answers, Degraded by the last 25 s, 1 min or 5 min with forty, and by the last
// 5 min where there are fewer. So an outage shows within 15 s and is over within 30 s at two
// calls a second or more. A state ends at half of the share at which it begins.
//
// +kubebuilder:validation:Enum=Healthy;Degraded;Failing;Open;Slow;MissingCredential;Idle
type BackendState string

// How a backend is doing. Only timeout, connect, tls, reset, credential, 5xx and
// 429 count as faults here, and 401 and 403 where the backend has authentication: a
// caller's bad input does not make a backend ill.
const (
	BackendHealthy BackendState = "Healthy"
	// BackendDegraded: at least 5 % of its answers are faults.
	BackendDegraded BackendState = "Degraded"
	// BackendFailing: at least half of its answers are faults.
	BackendFailing BackendState = "Failing"
	// BackendOpen: the circuit breaker of a proxy keeps calls from it.
	BackendOpen BackendState = "Open"
	// BackendSlow: over half of its answers were canceled after its own median.
	BackendSlow BackendState = "Slow"
	// BackendMissingCredential: a Secret key that it needs is missing, or may not or cannot
	// be sent to it.
	BackendMissingCredential BackendState = "MissingCredential"
	// BackendIdle: no answer was heard in five minutes, and none was waited for too long.
	BackendIdle BackendState = "Idle"
)

// BackendStatus is how one backend is doing, over all proxies.
type BackendStatus struct {
	// name is that of the backend.
	// +required
	Name BackendName `json:"name,omitempty"`

	// state sums it up, by short windows: see BackendState.
	// +optional
	State BackendState `json:"state,omitempty"`

	// successRate is succeeded / (succeeded + failed) answers within five minutes,
	// such as 99.5%; rejected, canceled and skipped ones count as neither. Absent
	// without answers.
	// +optional
	// +kubebuilder:validation:MaxLength=8
	SuccessRate string `json:"successRate,omitempty"`

	// requestRate is the number of answers a second within five minutes, such as 12.5/s.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	RequestRate string `json:"requestRate,omitempty"`

	// latency is that of succeeded and failed answers.
	// +optional
	Latency *Latency `json:"latency,omitempty"`

	// lastFailure is the newest failure. It changes with its reason or with state.
	// +optional
	LastFailure *LastFailure `json:"lastFailure,omitempty"`
}

// LastFailure is the newest failure of a backend.
type LastFailure struct {
	// reason is one of status, timeout, connect, tls, reset, tooLarge, credential,
	// forbiddenAddress, uncombinable, expression.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Reason string `json:"reason,omitempty"`

	// message says it in words: the reason, the status, why there was no credential or no
	// response (connect: lookup api.example.com: no such host), and the Secret whose credential
	// is refused. It holds no text of the backend.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`

	// time is when it was first seen.
	// +optional
	Time metav1.Time `json:"time,omitempty,omitzero"`
}
