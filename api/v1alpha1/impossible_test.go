package v1alpha1_test

import "testing"

// What no cluster and no flag of the operator makes possible is refused when it is applied, so that
// whoever applies it, a GitOps tool too, has our words.
func TestImpossibleSpecsAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	of := func(url string) string { return "backends: [{name: a, url: '" + url + "'}]\n" }
	const label = "backends.url must not have a host of one label, nor NAME.svc"
	const reference = "backends.shadow.reference must name a backend that is no shadow"
	check(t, []row{
		ok("two labels", of("http://api.lab")),
		ok("a Service by its namespace", of("http://api.shop.svc:8080/a")),
		ok("a Service by its whole name", of("https://api.shop.svc.cluster.local./svc")),
		ok("one label and a dot, which is absolute", of("http://intranet./")),
		ok("this machine", of("http://localhost:3000/data")),
		ok("this machine, in capitals", of("http://LOCALHOST")),
		ok("an address", of("http://10.0.0.1:8080/")),
		ok("an address of IPv6", of("http://[fd00::1]:8080/")),
		ok("a path that looks like a host", of("http://api.shop.svc/api/v1.svc")),
		bad("one label", of("http://api"), label),
		bad("one label with a port and a path", of("https://API:8443/data"), label),
		bad("a number", of("http://2852039166/"), label),
		bad("one label that begins as this machine does", of("http://localhost-two/"), label),
		bad("a Service without its namespace", of("http://api.svc:8080/"), label),
		bad("a Service without its namespace, absolute", of("http://api.SVC./"), label),
		ok("a reference", shadowed("compare: Outcome, reference: a")),
		bad("a reference to nobody", shadowed("compare: Outcome, reference: c"), reference),
		bad("a reference to itself", shadowed("compare: Outcome, reference: b"), reference),
	})
}
