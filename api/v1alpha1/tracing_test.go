package v1alpha1_test

import "testing"

func TestTracingRules(t *testing.T) {
	t.Parallel()
	of := func(fields string) string { return "proxy: {tracing: {" + fields + "}}\n" + one }
	const endpoint = "proxy.tracing.otlpEndpoint must be http:// or https://"
	check(t, []row{
		ok("a collector", of("otlpEndpoint: 'http://collector.shop.svc:4318'")),
		ok("a collector behind a path", of("otlpEndpoint: 'https://otlp.example.com/tenants/a', samplePercent: 0")),
		ok("by gRPC", of("otlpEndpoint: 'http://collector.shop.svc:4317', protocol: GRPC, samplePercent: 100")),
		ok("by gRPC, with a slash", of("otlpEndpoint: 'https://otlp.example.com/', protocol: GRPC")),
		ok("fields over TLS", of("otlpEndpoint: 'https://otlp.example.com', headersSecretName: otlp")),
		ok("fields within the cluster", of("otlpEndpoint: 'http://collector.shop.svc:4318/a', headersSecretName: otlp")),
		ok("fields over loopback", of("otlpEndpoint: 'http://[::1]:4317', protocol: GRPC, headersSecretName: otlp")),
		ok("a private authority", of("otlpEndpoint: 'https://collector.shop.svc:4318', caSecretName: ca")),
		bad("authorities for nothing", of("otlpEndpoint: 'http://collector.shop.svc:4318', caSecretName: ca"), "proxy.tracing.caSecretName goes with an https otlpEndpoint"),
		bad("no collector", of("samplePercent: 1"), "spec.proxy.tracing.otlpEndpoint"),
		bad("no URL", of("otlpEndpoint: 'collector.shop.svc:4317'"), endpoint),
		bad("another scheme", of("otlpEndpoint: 'grpc://collector.shop.svc:4317'"), endpoint),
		bad("a query", of("otlpEndpoint: 'https://otlp.example.com/?a=b'"), endpoint),
		bad("a user", of("otlpEndpoint: 'https://a@otlp.example.com/'"), endpoint),
		bad("gRPC at a path", of("otlpEndpoint: 'https://otlp.example.com/v1/traces', protocol: GRPC"), "proxy.tracing.otlpEndpoint must have no path with protocol GRPC"),
		bad("fields that anybody reads", of("otlpEndpoint: 'http://otlp.example.com', headersSecretName: otlp"), "must be https:// with headersSecretName"),
		bad("fields to what only looks like the cluster", of("otlpEndpoint: 'http://a.svc.example.com', headersSecretName: otlp"), "must be https:// with headersSecretName"),
		bad("more than all", of("otlpEndpoint: 'https://otlp.example.com', samplePercent: 101"), "spec.proxy.tracing.samplePercent"),
		bad("another protocol", of("otlpEndpoint: 'https://otlp.example.com', protocol: Zipkin"), "spec.proxy.tracing.protocol"),
	})
}
