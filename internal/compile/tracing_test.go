package compile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// What a route says of traces, with its defaults, and what it may not say: a collector is
// reached as a backend is.
func TestTracing(t *testing.T) {
	t.Parallel()
	of := func(endpoint string, modify ...func(*v1alpha1.Tracing)) *v1alpha1.Tracing {
		out := &v1alpha1.Tracing{OTLPEndpoint: endpoint}
		for _, m := range modify {
			m(out)
		}
		return out
	}
	for name, row := range map[string]struct {
		in      *v1alpha1.Tracing
		options compile.Options
		want    *routeconfig.Tracing
		refused string
	}{
		"none":     {nil, compile.Options{}, nil, ""},
		"defaults": {of("http://c.shop.svc:4318"), compile.Options{}, &routeconfig.Tracing{Endpoint: "http://c.shop.svc:4318", Protocol: "HTTP", SamplePercent: 1}, ""},
		"all of it": {of("https://otlp.example.com", func(t *v1alpha1.Tracing) {
			t.Protocol, t.SamplePercent, t.HeadersSecretName = v1alpha1.TracingGRPC, new(int32(0)), "otlp"
		}), compile.Options{}, &routeconfig.Tracing{Endpoint: "https://otlp.example.com", Protocol: "GRPC", HeadersSecret: "otlp"}, ""},
		"another namespace":               {of("http://c.infra.svc:4318"), compile.Options{}, nil, `spec.proxy.tracing.otlpEndpoint: Invalid value: "http://c.infra.svc:4318": must not name a Service or Pod of namespace "infra"`},
		"another namespace, where it may": {of("http://c.infra.svc:4318"), compile.Options{AllowCrossNamespace: true}, &routeconfig.Tracing{Endpoint: "http://c.infra.svc:4318", Protocol: "HTTP", SamplePercent: 1}, ""},
		"a name alone":                    {of("http://collector:4318"), compile.Options{}, nil, "must not have a host of one label"},
		"a port that is none":             {of("http://c.shop.svc:99999"), compile.Options{}, nil, "must have a port between 1 and 65535"},
	} {
		out, errs := compile.Route(route(func(r *v1alpha1.FanoutRoute) { r.Spec.Proxy.Tracing = row.in }), row.options)
		if row.refused != "" {
			if len(errs) != 1 || !strings.Contains(errs.ToAggregate().Error(), row.refused) {
				t.Errorf("%s: %v, want %q", name, errs, row.refused)
			}
			continue
		}
		if len(errs) > 0 {
			t.Fatalf("%s: %v", name, errs)
		}
		if diff := cmp.Diff(row.want, out.Tracing); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
