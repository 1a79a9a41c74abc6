package report

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

// programmed is observed: ready proxies report the document's hash. A new Pod
// counts once it is ready and was asked, so that scaling up does not flap. What keeps Pods
// from being there is told whether proxies serve the spec or not.
func programmed(in Input, h hindrance) verdict {
	if v, ok := unserved(in); ok {
		return v
	}
	if v, ok := held(in, v1alpha1.ConditionProgrammed); ok {
		return v
	}
	v := served(in)
	if h.message != "" {
		v.message += "; " + h.message
	}
	if h.reason != "" && v.status == metav1.ConditionFalse {
		v.reason = h.reason
	}
	return v
}

// unserved is the verdict where it does not hang on what proxies say, if it does not.
func unserved(in Input) (verdict, bool) {
	switch {
	case len(in.Errors) > 0 || in.Conflict != "":
		return no(v1alpha1.ReasonPending, "The spec is not accepted; proxies go on with the last one that was"), true
	case in.Refused != "":
		return no(v1alpha1.ReasonRefused, "The API server refuses a child: "+in.Refused), true
	case sidecars(in) && len(in.Pods) == 0:
		return yes(v1alpha1.ReasonNoPods, "The document is written; no Pod has the sidecar yet"), true
	}
	if n := in.Route.Spec.Proxy.Replicas; n != nil && *n == 0 && !sidecars(in) && in.Route.Spec.Proxy.Autoscaling == nil {
		return no(v1alpha1.ReasonNoProxies, "spec.proxy.replicas is 0"), true
	}
	return verdict{}, false
}

// served is the verdict by what proxies say.
func served(in Input) verdict {
	seen := asked(in)
	if len(seen) == 0 {
		return no(v1alpha1.ReasonPending, "No proxy is ready")
	}
	var unreachable, unread []string
	current := true
	for _, p := range seen {
		switch {
		case !p.Reached:
			unreachable = append(unreachable, p.Name)
		case !p.Heard():
			unread = append(unread, fmt.Sprintf("%s (version %d)", p.Name, p.Unread))
		}
		current = current && p.Document == in.Document
	}
	if len(unreachable) > 0 {
		return unknown(v1alpha1.ReasonProxiesUnreachable, "Proxies do not answer the operator: "+joined(unreachable, ", "))
	}
	if len(unread) > 0 {
		return unknown(v1alpha1.ReasonUnsupportedReport, fmt.Sprintf("This operator reads version %d of what proxies say on /status, "+
			"and these say it in another one: %s; give operator and proxies one version", stats.ReportVersion, joined(unread, ", ")))
	}
	if !current {
		return no(v1alpha1.ReasonPending, behind(in, seen))
	}
	return yes(v1alpha1.ReasonProgrammed, "Every ready proxy serves the spec")
}

// behind says why proxies do not serve the spec. Those of a Deployment are about to
// be replaced where they refuse it; sidecars live as long as their applications.
func behind(in Input, seen []rates.Proxy) string {
	for _, p := range seen {
		if p.Refused != "" && sidecars(in) {
			return fmt.Sprintf("The sidecar of Pod %s refuses the spec: %s; create its Pod again", p.Name, Cut(p.Refused, maxLine))
		}
	}
	return "Not every ready proxy serves the spec yet"
}

// asked are the ready proxies of which anything is known.
func asked(in Input) []rates.Proxy {
	if in.Seen == nil {
		return nil
	}
	ready := map[string]bool{}
	for i := range in.Pods {
		ready[in.Pods[i].Name] = in.Pods[i].Ready
	}
	var list []rates.Proxy
	for _, p := range in.Seen.Proxies {
		if ready[p.Name] {
			list = append(list, p)
		}
	}
	return list
}
