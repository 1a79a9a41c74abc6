package compile

import (
	"cmp"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func (c *compiler) tracing() *routeconfig.Tracing {
	t := c.route.Spec.Proxy.Tracing
	if t == nil {
		return nil
	}
	c.checkURL(spec().Child("proxy", "tracing", "otlpEndpoint"), t.OTLPEndpoint)
	out := &routeconfig.Tracing{
		Endpoint:      t.OTLPEndpoint,
		Protocol:      string(cmp.Or(t.Protocol, v1alpha1.TracingHTTP)),
		SamplePercent: 1,
		CASecret:      string(t.CASecretName),
		HeadersSecret: string(t.HeadersSecretName),
	}
	if t.SamplePercent != nil {
		out.SamplePercent = int(*t.SamplePercent)
	}
	return out
}
