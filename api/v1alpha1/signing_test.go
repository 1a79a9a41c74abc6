package v1alpha1_test

import "testing"

func TestSigningRules(t *testing.T) {
	t.Parallel()
	hmac := func(fields string) string {
		return authentication("type: HMAC, hmac: {secretName: s, key: k, header: X-Signature" + fields + "}")
	}
	aws := func(fields string) string { return authentication("type: AWSSigV4, awsSigV4: {" + fields + "}") }
	const webhooks = "authentication: {type: StandardWebhooks, standardWebhooks: {secretName: s}}"
	check(t, []row{
		ok("Standard Webhooks", backend(webhooks)),
		ok("Standard Webhooks beside fields of a rule", backend(webhooks+", request: {headers: {set: [{name: Webhook-Id, value: v}, {name: Authorization, value: v}]}}")),
		bad("Standard Webhooks without a Secret", authentication("type: StandardWebhooks, standardWebhooks: {}"), "secretName"),
		bad("Standard Webhooks without their own", authentication("type: StandardWebhooks"), "backends.authentication.standardWebhooks goes with type StandardWebhooks"),
		bad("Standard Webhooks of another type", authentication("type: Bearer, bearer: {secretName: s}, standardWebhooks: {secretName: s}"), "backends.authentication.standardWebhooks goes with type StandardWebhooks"),
		ok("GitHub's style", hmac(", prefix: 'sha256='")),
		ok("Stripe's style", hmac(", prefix: 'v1=', time: {prefix: 't='}")),
		ok("Slack's style", hmac(", prefix: 'v0=', time: {header: X-Time, signedPrefix: 'v0:', separator: ':'}")),
		ok("Shopify's style", hmac(", encoding: Base64, algorithm: SHA256")),
		bad("an HMAC without its own", authentication("type: HMAC"), "backends.authentication.hmac goes with type HMAC"),
		bad("an HMAC of MD5", hmac(", algorithm: MD5"), "hmac.algorithm"),
		bad("an HMAC in octets", hmac(", encoding: Octal"), "hmac.encoding"),
		bad("a prefix of two lines", hmac(`, prefix: "a\nb"`), "hmac.prefix"),
		bad("a prefix with a space", hmac(", prefix: 'a b'"), "hmac.prefix"),
		bad("two things in one field", hmac(", time: {header: x-signature}"), "backends.authentication.hmac.time.header must not be hmac.header"),
		bad("a separator that could be of the time", hmac(", time: {separator: '1'}"), "hmac.time.separator"),
		bad("an HMAC by a reserved key", authentication("type: HMAC, hmac: {secretName: s, key: allowedTokenHosts, header: X-S}"), "backends.authentication.hmac.key must not be allowedHosts or allowedTokenHosts"),
		bad("an HMAC in Host", authentication("type: HMAC, hmac: {secretName: s, key: k, header: host}"), "backends.authentication.hmac.header must not name Host"),
		ok("SigV4", aws("secretName: s, region: eu-central-1, service: execute-api")),
		bad("SigV4 without its own", authentication("type: AWSSigV4"), "backends.authentication.awsSigV4 goes with type AWSSigV4"),
		bad("SigV4 without a region", aws("secretName: s, service: s3"), "region"),
		bad("SigV4 of a service by its name", aws("secretName: s, region: us-east-1, service: API Gateway"), "awsSigV4.service"),
		bad("a rule on Authorization beside SigV4", backend("authentication: {type: AWSSigV4, awsSigV4: {secretName: s, region: r, service: s}}, request: {headers: {set: [{name: authorization, value: v}]}}"), "backends.request.headers.set must not name Authorization"),
	})
}
