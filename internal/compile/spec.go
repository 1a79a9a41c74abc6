package compile

import (
	"cmp"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func spec() *field.Path { return field.NewPath("spec") }

func (c *compiler) listener() routeconfig.Listener {
	l := &c.route.Spec.Listener
	out := routeconfig.Listener{Port: c.options.ListenPort}
	if l.TLS != nil {
		out.TLSSecret = string(l.TLS.SecretName)
	}
	if c.route.Spec.Proxy.Mode == v1alpha1.ModeSidecar {
		out.Port = 0 // there is no Service between
	}
	if out.Port == 0 {
		out.Port = int(cmp.Or(l.Port, 8080))
	}
	for i := range l.Matches {
		m := &l.Matches[i]
		out.Matches = append(out.Matches, routeconfig.Match{
			Path:    cmp.Or(m.Path.Value, "/"),
			Exact:   m.Path.Type == v1alpha1.PathExact,
			Methods: texts(m.Methods),
		})
	}
	if l.ClientIP != nil {
		out.TrustedCIDRs = l.ClientIP.TrustedCIDRs
	}
	return out
}

func (c *compiler) dispatch() routeconfig.Dispatch {
	d, path := &c.route.Spec.Dispatch, spec().Child("dispatch")
	out := routeconfig.Dispatch{
		Policy:      string(cmp.Or(d.SuccessPolicy.Type, v1alpha1.PolicyAll)),
		Timeout:     c.durationOr(path.Child("timeout"), d.Timeout, "5s"),
		Stragglers:  string(cmp.Or(d.Stragglers, v1alpha1.StragglersAuto)),
		MaxInFlight: int(cmp.Or(d.MaxInFlight, 1024)),
	}
	if d.SuccessPolicy.Quorum != nil {
		out.Quorum = int(d.SuccessPolicy.Quorum.Count)
	}
	if d.SuccessPolicy.Required != nil {
		for i, name := range d.SuccessPolicy.Required.Backends {
			at := path.Child("successPolicy", "required", "backends").Index(i)
			out.Required = append(out.Required, c.place(at, name))
		}
		slices.Sort(out.Required)
	}
	return out
}

func (c *compiler) response() routeconfig.Response {
	r := &c.route.Spec.Response
	out := routeconfig.Response{
		Type:                string(cmp.Or(r.Type, v1alpha1.ResponseEnvelope)),
		HeadersFromBackends: texts(r.HeadersFromBackends),
		PartialStatusCode:   int(value(r.PartialStatusCode)),
		Diagnostics:         string(cmp.Or(r.Diagnostics, v1alpha1.DiagnosticsFull)),
	}
	if !out.Combined() {
		out.IdleTimeout = c.durationOr(spec().Child("response", "stream", "idleTimeout"), value(r.Stream).IdleTimeout, "60s")
	}
	if r.Type == v1alpha1.ResponseMerge {
		merge := value(r.Merge)
		out.OnConflict = string(cmp.Or(merge.OnConflict, v1alpha1.ConflictFirst))
		out.Arrays = string(cmp.Or(merge.Arrays, v1alpha1.ArraysAppend))
	}
	if r.Primary != nil {
		out.Primary = c.place(spec().Child("response", "primary", "backend"), r.Primary.Backend)
	}
	return out
}

// accessLog leaves to the proxy what the route does not say.
func (c *compiler) accessLog() *routeconfig.AccessLog {
	l := c.route.Spec.Proxy.AccessLog
	if l == nil {
		return nil
	}
	out := &routeconfig.AccessLog{Type: string(cmp.Or(l.Type, v1alpha1.AccessLogSampled)), Fields: texts(l.Fields)}
	if out.Type == routeconfig.AccessLogSampled {
		out.OneIn = int(cmp.Or(value(l.OneIn), 100))
	}
	return out
}

// networkPolicy checks what would only be refused of the object that it becomes.
func (c *compiler) networkPolicy() {
	p := c.route.Spec.Proxy.NetworkPolicy
	if p == nil {
		return
	}
	path := spec().Child("proxy", "networkPolicy")
	c.peers(path.Child("from"), p.From)
	c.peers(path.Child("metricsFrom"), p.MetricsFrom)
}

func (c *compiler) peers(path *field.Path, list []networkingv1.NetworkPolicyPeer) {
	for i := range list {
		block := list[i].IPBlock
		if block == nil {
			continue
		}
		at := path.Index(i).Child("ipBlock")
		network, err := netip.ParsePrefix(block.CIDR)
		if err != nil {
			c.refuse(at.Child("cidr"), block.CIDR, "must be a network such as 10.0.0.0/8")
			continue
		}
		for j, text := range block.Except {
			if except, err := netip.ParsePrefix(text); err != nil || except.Bits() <= network.Bits() || !network.Contains(except.Addr()) {
				c.refuse(at.Child("except").Index(j), text, "must be a network within cidr")
			}
		}
	}
}
