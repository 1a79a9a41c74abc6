package survey

import (
	"cmp"
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/pods"
	"github.com/fanout-operator/fanout/internal/stats"
)

// maxEvents is how many events of a route are shown, the newest.
const maxEvents = 10

// Walked is a route with what belongs to it.
type Walked struct {
	Namespace  string                   `json:"namespace"`
	Name       string                   `json:"name"`
	Generation int64                    `json:"generation"`
	Observed   int64                    `json:"observedGeneration"`
	Age        string                   `json:"age"`
	URL        string                   `json:"url,omitempty"`
	Conditions []metav1.Condition       `json:"conditions"`
	Backends   []v1alpha1.BackendStatus `json:"backends"`
	Pods       []PodState               `json:"pods"`
	Events     []Event                  `json:"events"`
	// Untold says what could not be read, and why.
	Untold []string `json:"untold,omitempty"`
	// Next is what to do, empty where nothing is wrong.
	Next []string `json:"next"`

	stale   string
	reports []*stats.Report // of those that answered
}

// PodState is one proxy.
type PodState struct {
	Name string `json:"name"`
	// State is its phase, or why it is not ready.
	State    string             `json:"state"`
	Restarts int32              `json:"restarts"`
	Document string             `json:"document,omitempty"`
	Refused  string             `json:"refused,omitempty"`
	Missing  []stats.MissingKey `json:"missing,omitempty"`
	// Silent says why it did not answer.
	Silent string `json:"silent,omitempty"`
}

// Event is one of a route's.
type Event struct {
	Age     string `json:"age"`
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Walk reads what belongs to a route. What may not be read is told, and keeps nobody from the
// rest.
func (c *Cluster) Walk(ctx context.Context, w Wanted, now time.Time) (*Walked, error) {
	routes, err := c.List(ctx, w)
	if err != nil {
		return nil, err
	}
	route := &routes[0]
	found := &Walked{
		Namespace: route.Namespace, Name: route.Name, Generation: route.Generation, Observed: route.Status.ObservedGeneration,
		Age: age(now, route.CreationTimestamp.Time), URL: route.Status.URL,
		Conditions: sorted(route.Status.Conditions), Backends: append([]v1alpha1.BackendStatus{}, route.Status.Backends...),
		Pods: []PodState{}, Events: []Event{}, stale: c.Stale(ctx, route.Status.Operator, now),
	}
	if found.Pods, found.reports, err = c.pods(ctx, w); err != nil {
		found.Untold = append(found.Untold, err.Error())
	}
	if found.Events, err = c.events(ctx, route, now); err != nil {
		found.Untold = append(found.Untold, err.Error())
	}
	found.Next = found.next(route)
	return found, nil
}

// sorted puts conditions in the order in which they hurt, then the others.
func sorted(conditions []metav1.Condition) []metav1.Condition {
	order := byWeight()
	rank := func(c metav1.Condition) int {
		if i := slices.Index(order, c.Type); i >= 0 {
			return i
		}
		return len(order)
	}
	list := append([]metav1.Condition{}, conditions...)
	slices.SortStableFunc(list, func(a, b metav1.Condition) int { return rank(a) - rank(b) })
	return list
}

// pods asks the proxies of a route.
func (c *Cluster) pods(ctx context.Context, w Wanted) ([]PodState, []*stats.Report, error) {
	found, err := c.PodsOf(ctx, w)
	if err != nil {
		return []PodState{}, nil, err
	}
	reports, errs := c.ask(ctx, found)
	list := make([]PodState, len(found))
	for i := range found {
		pod := &found[i]
		list[i] = PodState{Name: pod.Name, State: podReadiness(pod), Restarts: restarts(pod)}
		if errs[i] != nil {
			list[i].Silent = errs[i].Error()
			continue
		}
		list[i].Document, list[i].Refused = reports[i].Document, reports[i].Refused
		if r := reports[i].Route(w.Namespace, w.Name); r != nil {
			list[i].Missing = r.Missing
		}
	}
	return list, reports, nil
}

// podReadiness is why the proxy of a Pod does not serve, or Ready.
func podReadiness(pod *corev1.Pod) string {
	facts := pods.Of(pod)
	if facts.Ready {
		return "Ready"
	}
	return cmp.Or(facts.Trouble, string(pod.Status.Phase))
}

// restarts are those of a Pod's proxy.
func restarts(pod *corev1.Pod) int32 {
	proxy := pods.Proxy(pod).Name
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if s.Name == proxy {
			return s.RestartCount
		}
	}
	return 0
}

// events are the newest of a route, the newest last.
func (c *Cluster) events(ctx context.Context, route *v1alpha1.FanoutRoute, now time.Time) ([]Event, error) {
	list := &eventsv1.EventList{}
	err := c.Live.List(ctx, list, client.InNamespace(route.Namespace), client.MatchingFieldsSelector{Selector: fields.Set{
		"regarding.kind": v1alpha1.Kind, "regarding.name": route.Name,
	}.AsSelector()})
	if err != nil {
		return []Event{}, Explained(err, "list the events of the route")
	}
	of := slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool { return e.Regarding.UID != route.UID })
	slices.SortFunc(of, func(a, b eventsv1.Event) int { return lastSeen(&a).Compare(lastSeen(&b)) })
	out := []Event{}
	for i := max(len(of)-maxEvents, 0); i < len(of); i++ {
		out = append(out, Event{age(now, lastSeen(&of[i])), of[i].Type, of[i].Reason, of[i].Note})
	}
	return out, nil
}

func lastSeen(e *eventsv1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.DeprecatedLastTimestamp.Time
}
