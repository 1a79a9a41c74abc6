package survey

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
)

// next is what to do about what is wrong with a route, what hurts most first. Nothing is to be
// done where it is empty.
func (f *Walked) next(route *v1alpha1.FanoutRoute) []string {
	list := []string{}
	if f.stale != "" {
		list = append(list, fmt.Sprintf("No operator has written this for %s: start the one of Lease %s, and do not trust the figures until then.", f.stale, route.Status.Operator))
	}
	if unseen(f.Conditions) {
		return append(list, "No operator has seen the route: is one running, and does it watch this namespace? Run fanoutctl check.")
	}
	said, lacks := map[string]bool{}, f.lackHints()
	for i := range f.Conditions {
		c := &f.Conditions[i]
		if !IsBad(c) && c.Reason != v1alpha1.ReasonCertificateExpiring || said[c.Reason] || c.Type == v1alpha1.ConditionReconciling {
			continue
		}
		said[c.Reason] = true // Ready repeats that of another
		if ofReferences(c.Reason) && len(lacks) > 0 {
			list, lacks = append(list, lacks...), nil
			continue
		}
		if hint := hint(c, f); hint != "" {
			list = append(list, hint)
		}
	}
	for i := range f.Backends {
		if hint := backendHint(&f.Backends[i]); hint != "" {
			list = append(list, hint)
		}
	}
	for i := range f.Pods {
		if p := &f.Pods[i]; p.Refused != "" {
			list = append(list, fmt.Sprintf("Pod %s goes on with an older document: %s. A proxy of another version than the operator's refuses what it does not know: let its Deployment roll.", p.Name, p.Refused))
		}
	}
	return list
}

// unseen reports whether no operator has written conditions: that of the CRD's own default
// is there at once.
func unseen(conditions []metav1.Condition) bool {
	return len(conditions) == 0 || len(conditions) == 1 && conditions[0].Type == v1alpha1.ConditionReady && conditions[0].Status == metav1.ConditionUnknown
}

// hint is what to do about a condition.
func hint(c *metav1.Condition, f *Walked) string {
	n := f.Namespace
	switch c.Reason {
	case v1alpha1.ReasonInvalid:
		return "Change the spec as the message of Accepted says, and try it with fanoutctl lint -f before you apply it; the proxies go on with the last good one."
	case v1alpha1.ReasonNameConflict:
		return fmt.Sprintf("Rename or delete the object that the message names: the operator takes over nothing that it has not made. See kubectl -n %s get deploy,svc,cm,hpa,pdb.", n)
	case v1alpha1.ReasonSecretMissing:
		return fmt.Sprintf("Create the Secret that the message names, or add its key: kubectl -n %s create secret generic --help. Proxies see it within about two minutes.", n)
	case v1alpha1.ReasonSecretUnusable:
		return fmt.Sprintf("Mend the Secret that the message names: kubectl -n %s edit secret; the last good value is used meanwhile.", n)
	case v1alpha1.ReasonConfigMapMissing, v1alpha1.ReasonConfigMapUnusable:
		return fmt.Sprintf("Create or mend the ConfigMap that the message names: kubectl -n %s edit configmap; check it with fanoutctl lint -f first.", n)
	case v1alpha1.ReasonBackendNotFound:
		return fmt.Sprintf("Create the Service, or name another one in spec.backends: kubectl -n %s get services.", n)
	case v1alpha1.ReasonIssuerUnusable:
		return "See that the issuer's keys can be fetched from the proxies' network; callers' tokens are judged by the last good keys for at most 24 h."
	case v1alpha1.ReasonReplicaFailure, v1alpha1.ReasonRefused:
		return "Have the quota, policy or webhook that the message names let the object pass."
	case v1alpha1.ReasonProgressDeadlineExceeded:
		return fmt.Sprintf("See why the Pods do not start: kubectl -n %s describe pods -l %s=%s.", n, v1alpha1.RouteLabel, f.Name)
	case v1alpha1.ReasonNoProxies:
		return fmt.Sprintf("Scale it up: kubectl -n %s scale fanoutroute %s --replicas=2.", n, f.Name)
	case v1alpha1.ReasonProxiesUnreachable:
		return "Let the operator reach port 9091 of the Pods that the message names: a NetworkPolicy may keep it from them."
	case v1alpha1.ReasonUnsupportedReport:
		return "Bring operator and proxies to versions that know each other: see fanoutctl check."
	case v1alpha1.ReasonSidecarsMissing:
		return fmt.Sprintf("Make the Pods anew that have no sidecar: kubectl -n %s rollout restart of their owner; they were made while the webhook was away.", n)
	case v1alpha1.ReasonCertificateExpiring, v1alpha1.ReasonCertificateExpired:
		return "Renew the certificate in the Secret that the message names: proxies take it without a restart."
	case v1alpha1.ReasonStoreUnreachable:
		return "See that spec.rateLimitStore can be reached and takes the password; until then onStoreFailure of the limits holds."
	}
	return ""
}

// backendHint is what to do about a backend that is not well.
func backendHint(b *v1alpha1.BackendStatus) string {
	why := ""
	if b.LastFailure != nil {
		why = ": " + b.LastFailure.Message
	}
	switch b.State {
	case v1alpha1.BackendFailing:
		return fmt.Sprintf("Backend %s fails%s. %s", b.Name, why, remedy(b))
	case v1alpha1.BackendOpen:
		return fmt.Sprintf("Backend %s is kept from calls by its circuit breaker%s. It is probed again after circuitBreaker.openFor.", b.Name, why)
	case v1alpha1.BackendSlow:
		return fmt.Sprintf("Backend %s is too slow for what the route needs: others decide its calls. See its latency, and the timeout of it.", b.Name)
	case v1alpha1.BackendMissingCredential:
		if b.LastFailure == nil || b.LastFailure.Reason != "credential" {
			return fmt.Sprintf("Backend %s is not asked without its credential.", b.Name) // what failed last is of before
		}
		return fmt.Sprintf("Backend %s is not asked without its credential: %s.", b.Name, strings.TrimPrefix(b.LastFailure.Message, "credential: "))
	case v1alpha1.BackendDegraded:
		return fmt.Sprintf("Backend %s answers some calls with faults%s.", b.Name, why)
	case v1alpha1.BackendHealthy, v1alpha1.BackendIdle:
	}
	return ""
}

// remedy is what to do about a backend that fails, by how it did last.
func remedy(b *v1alpha1.BackendStatus) string {
	reason := ""
	if b.LastFailure != nil {
		reason = b.LastFailure.Reason
	}
	switch {
	case reason == "timeout":
		return "See by fanoutctl try how long it takes, and raise its timeout or mend it."
	case reason == "connect" || reason == "tls" || reason == "reset":
		return "See that its url, port and certificate are right, and that no NetworkPolicy is between."
	case reason == "forbiddenAddress":
		return "Its name leads to an address that no proxy may dial, see docs/security."
	case reason == "status" && strings.HasSuffix(b.LastFailure.Message, dashboard.Refuses):
		return "Put a valid one into its Secret; fanoutctl run takes it over with --watch."
	case reason == "status" && strings.Contains(b.LastFailure.Message, "refuses the credential"):
		return "Put a valid one into the Secret; proxies see it within about two minutes."
	}
	return "Ask it directly, and look into its own logs."
}
