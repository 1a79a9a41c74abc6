package report

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
)

// verdict is a condition without its circumstances.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
}

func yes(reason, message string) verdict { return verdict{metav1.ConditionTrue, reason, message} }
func no(reason, message string) verdict  { return verdict{metav1.ConditionFalse, reason, message} }
func unknown(reason, message string) verdict {
	return verdict{metav1.ConditionUnknown, reason, message}
}

// conditions sets every condition that is ours, on every pass. A transition time
// moves only with its status.
func conditions(in Input, states []v1alpha1.BackendStatus) []metav1.Condition {
	h := hindered(in)
	accepted, refs, programmed := accepted(in), withServices(in, resolvedRefs(in)), programmed(in, h)
	ready, stalled := ready(accepted, refs, programmed), stalled(accepted, h)
	reconciling := reconciling(in, h, stalled, programmed, ready)
	if lingers(in, programmed) {
		programmed, ready = verdict{}, verdict{}
	}
	list := slices.Clone(in.Route.Status.Conditions)
	injected := verdict{}
	if sidecars(in) {
		injected = sidecarsInjected(in)
	} else {
		meta.RemoveStatusCondition(&list, v1alpha1.ConditionSidecarsInjected)
	}
	store := verdict{}
	if shares(in) {
		store = storeReachable(in)
	} else {
		meta.RemoveStatusCondition(&list, v1alpha1.ConditionRateLimitStoreReachable)
	}
	for _, c := range []struct {
		kind string
		v    verdict
	}{
		{v1alpha1.ConditionAccepted, accepted},
		{v1alpha1.ConditionResolvedRefs, refs},
		{v1alpha1.ConditionProgrammed, programmed},
		{v1alpha1.ConditionReady, ready},
		{v1alpha1.ConditionBackendsHealthy, backendsHealthy(in, counted(in, states))},
		{v1alpha1.ConditionRateLimitStoreReachable, store},
		{v1alpha1.ConditionSidecarsInjected, injected},
		{v1alpha1.ConditionReconciling, reconciling},
		{v1alpha1.ConditionStalled, stalled},
	} {
		if c.v.status == "" {
			continue // of another mode, or it stays as it is
		}
		meta.SetStatusCondition(&list, metav1.Condition{
			Type: c.kind, Status: c.v.status, Reason: c.v.reason, Message: Cut(c.v.message, maxMessage),
			ObservedGeneration: in.Route.Generation, LastTransitionTime: in.Now,
		})
	}
	return list
}

// sameConditions reports whether two statuses say the same in every condition, but for
// the words: figures and counts alone may wait. What keeps Pods from being there stands in
// the words of Programmed.
func sameConditions(a, b *v1alpha1.FanoutRouteStatus) bool {
	return a.ObservedGeneration == b.ObservedGeneration && a.Operator == b.Operator && a.URL == b.URL && a.Selector == b.Selector &&
		slices.EqualFunc(a.Conditions, b.Conditions, func(a, b metav1.Condition) bool {
			return a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason && a.ObservedGeneration == b.ObservedGeneration &&
				(a.Type != v1alpha1.ConditionProgrammed || a.Message == b.Message)
		})
}

func accepted(in Input) verdict {
	if len(in.Errors) > 0 {
		var lines []string
		for _, err := range in.Errors {
			lines = append(lines, fault(err))
		}
		return no(v1alpha1.ReasonInvalid, joined(lines, "; "))
	}
	if in.Conflict != "" {
		return no(v1alpha1.ReasonNameConflict, in.Conflict+" exists and does not belong to this route: delete or rename it")
	}
	if len(in.Remarks) == 0 {
		return yes(v1alpha1.ReasonAccepted, "The spec is valid")
	}
	var lines []string
	for _, r := range in.Remarks {
		lines = append(lines, Cut(r.Message, maxLine))
	}
	return yes(in.Remarks[0].Reason, "The spec is valid; "+strings.Join(lines, "; "))
}

func sidecars(in Input) bool { return in.Route.Spec.Proxy.Mode == v1alpha1.ModeSidecar }

func sidecarsInjected(in Input) verdict {
	if in.Missed > 0 {
		return no(v1alpha1.ReasonSidecarsMissing, fmt.Sprintf("%d of %d Pods with the label %s=%s have no sidecar: "+
			"they were created before the route or while the injector was away, a port of theirs is the sidecar's, "+
			"or their namespace lacks the label %s=enabled; create them again",
			in.Missed, in.Missed+len(in.Pods), v1alpha1.RouteLabel, in.Route.Name, v1alpha1.InjectionLabel))
	}
	return yes(v1alpha1.ReasonSidecarsInjected, "Every Pod with the route's label has its sidecar")
}

// holds reports whether what the status says of proxies stays as it is: a new operator
// that has not asked any knows no better than the one before.
func holds(in Input) bool {
	return in.Unasked && Told(&in.Route.Status) == in.Route.Generation
}

// held is the verdict that stays, if any.
func held(in Input, kind string) (verdict, bool) {
	if c := meta.FindStatusCondition(in.Route.Status.Conditions, kind); c != nil && holds(in) && c.ObservedGeneration == in.Route.Generation {
		return verdict{c.Status, c.Reason, c.Message}, true
	}
	return verdict{}, false
}

func resolvedRefs(in Input) verdict {
	if sidecars(in) && len(in.Pods) == 0 {
		return yes(v1alpha1.ReasonNoPods, "No Pod has the sidecar yet")
	}
	if v, ok := held(in, v1alpha1.ConditionResolvedRefs); ok {
		return v
	}
	if in.Seen == nil || !slices.ContainsFunc(in.Seen.Proxies, rates.Proxy.Heard) {
		return unknown(v1alpha1.ReasonPending, untold)
	}
	var lines []string
	for i := range in.Seen.Sum.Missing {
		lines = append(lines, rates.Missing(&in.Seen.Sum.Missing[i]))
	}
	if len(lines) == 0 {
		return certified(in)
	}
	return no(rates.MissingReason(in.Seen.Sum.Missing), joined(lines, "; "))
}

// ready takes the reason that hurts. A fault that is known comes before what is not known
// yet, and what keeps proxies from being there before what those that were told. No proxies
// are ready where none are asked for: a tool that waits for Ready would wait for ever.
func ready(accepted, refs, programmed verdict) verdict {
	switch {
	case accepted.status != metav1.ConditionTrue:
		return accepted
	case programmed.reason == v1alpha1.ReasonNoProxies:
		return yes(v1alpha1.ReasonNoProxies, "Nothing serves the route, as the spec asks: "+programmed.message)
	case programmed.status == metav1.ConditionFalse && programmed.reason != v1alpha1.ReasonPending:
		return programmed
	case refs.status == metav1.ConditionFalse:
		return refs
	case programmed.status != metav1.ConditionTrue:
		return programmed
	case refs.status != metav1.ConditionTrue:
		return refs
	}
	return yes(v1alpha1.ReasonReady, "The route serves the spec")
}

func backendsHealthy(in Input, states []v1alpha1.BackendStatus) verdict {
	if v, ok := held(in, v1alpha1.ConditionBackendsHealthy); ok {
		return v
	}
	var ill, unhelpful []string
	idle := true
	for i := range states {
		b := &states[i]
		switch {
		case !well(b.State):
			ill = append(ill, illness(in, b))
		case fails(b):
			unhelpful = append(unhelpful, fmt.Sprintf("%s succeeds at %s%s", b.Name, b.SuccessRate, because(b)))
		}
		idle = idle && b.State == v1alpha1.BackendIdle
	}
	switch {
	case len(ill) > 0:
		return no(v1alpha1.ReasonBackendsFailing, joined(ill, ", "))
	case idle:
		return unknown(v1alpha1.ReasonNoTraffic, "No calls in the last minutes")
	}
	if len(unhelpful) > 0 {
		return yes(v1alpha1.ReasonBackendsHealthy, "No backend is at fault, but "+joined(unhelpful, ", "))
	}
	return yes(v1alpha1.ReasonBackendsHealthy, "No backend is failing")
}
