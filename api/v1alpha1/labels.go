package v1alpha1

// What the operator writes on the objects of a route.
const (
	// RouteLabel holds the name of the route that an object belongs to.
	RouteLabel = "fanout.dev/route"
	// DocumentAnnotation holds, on a Pod, the hash of the document that was written
	// for it. Its change makes the kubelet refresh the mounted volume at once.
	DocumentAnnotation = "fanout.dev/document"
	// NudgeAnnotation counts how often a Pod was told of the same document.
	NudgeAnnotation = "fanout.dev/nudge"
	// RotationAnnotation counts, on a Pod, how often it was told that a Secret of its
	// has changed, where the operator watches the metadata of Secrets.
	RotationAnnotation = "fanout.dev/rotation"
	// OperatorAnnotation names, on a child, the operator that the route belongs to, by
	// namespace and name of its Lease. Another one leaves the route alone while that Lease
	// is renewed, or, where it may not read it, while a child has the annotation.
	OperatorAnnotation = "fanout.dev/operator"
	// InjectionLabel, with the value enabled, lets the Pods of a namespace get
	// sidecars.
	InjectionLabel = "fanout.dev/injection"
	// ProxyName is the name of the container in a proxy's own Pod.
	ProxyName = "proxy"
	// SidecarName is the name of the container that runs the proxy in another
	// application's Pod.
	SidecarName = "fanout-proxy"
)
