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
)
