// Package report turns what was observed of a route into its status. It is pure:
// the same observation yields the same bytes, whenever it is made.
package report

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/pods"
	"github.com/fanout-operator/fanout/internal/rates"
)

// Input is everything that was observed.
type Input struct {
	Route *v1alpha1.FanoutRoute
	// Operator is the one that the route belongs to, empty for none.
	Operator string
	// Errors are those of the compiler.
	Errors field.ErrorList
	// Conflict names an object that stands in the way of a child, if any.
	Conflict string
	// Refused says what the API server has against a child, if anything.
	Refused string
	// Absent are the names of Services that backends name and that do not exist.
	Absent []string
	// Document is the hash of the document that the proxies are to serve.
	Document string
	// URL is where the route is to be called, Selector selects its Pods.
	URL      string
	Selector map[string]string
	// Remarks are on a spec without errors, the gravest first.
	Remarks []Remark
	// Deployment is that of the proxies; nil where there is none. Stale is set where it was
	// read before the last write of it, or what that wrote has not been seen by its controller.
	Deployment *appsv1.Deployment
	Stale      bool
	// Fresh is set for 10 s after an edit that is not served yet: Programmed and Ready then
	// stay what they are of the generation that is.
	Fresh bool
	// Replicas and ReadyReplicas are the Deployment's.
	Replicas, ReadyReplicas int32
	// Pods are those with a proxy of the route; Missed is the number of Pods that
	// should have a sidecar and have none.
	Pods   []pods.Facts
	Missed int
	// Seen is what the proxies said; nil where nothing is known.
	Seen *rates.Observation
	// Unasked is set where there are proxies and none has answered yet since the operator
	// started. What the status says of them then stays, if it speaks of this generation.
	Unasked bool
	// Now is for what has changed.
	Now metav1.Time
}

// Remark is what an author should know of a spec that is accepted.
type Remark struct {
	// Reason is one of the condition Accepted, Message a sentence without its end.
	Reason, Message string
}

// Status returns the route's status.
func Status(in Input) v1alpha1.FanoutRouteStatus {
	status := v1alpha1.FanoutRouteStatus{
		Operator:      in.Operator,
		Replicas:      &in.Replicas,
		ReadyReplicas: &in.ReadyReplicas,
		Selector:      labels.SelectorFromSet(in.Selector).String(),
		URL:           in.URL,
		Traffic:       traffic(in),
		Backends:      backends(in),
		Reported:      reported(in),
	}
	status.HealthyBackends = healthy(counted(in, status.Backends))
	status.Conditions = conditions(in, status.Backends)
	status.ObservedGeneration = observed(in, status.Conditions)
	return status
}
