package v1alpha1_test

import "testing"

func jwt(fields string) string {
	return "authentication: {jwt: [{name: idp, issuer: 'https://idp.example.com', " + fields + "}]}\n" + one
}

func TestAuthorizationRules(t *testing.T) {
	t.Parallel()
	check(t, []row{
		ok("a rule", "authorization: {rules: [{expression: request.caller == 'ada', message: only Ada}]}\n"+one),
		bad("no rule", "authorization: {}\n"+one, "spec.authorization.rules"),
		bad("an empty list of rules", "authorization: {rules: []}\n"+one, "spec.authorization.rules"),
		bad("a rule without a message", "authorization: {rules: [{expression: 'true'}]}\n"+one, "spec.authorization.rules[0].message"),
		bad("a rule without an expression", "authorization: {rules: [{message: m}]}\n"+one, "spec.authorization.rules[0].expression"),
	})
}

func TestClientCertificateRules(t *testing.T) {
	t.Parallel()
	of := func(fields string) string {
		return "listener: {tls: {secretName: s}}\nauthentication: {clientCertificate: {" + fields + "}}\n" + one
	}
	check(t, []row{
		ok("certificates", of("caSecretName: ca")),
		ok("certificates by name", of("caSecretName: ca, subjects: [{type: URI, value: 'spiffe://a/b'}, {type: DNS, value: a.b}, {type: CommonName, value: a b}]")),
		bad("certificates without TLS", "authentication: {clientCertificate: {caSecretName: ca}}\n"+one, "authentication.clientCertificate needs listener.tls"),
		bad("certificates of nobody", of("subjects: [{type: URI, value: a}]"), "caSecretName"),
		bad("a name of another type", of("caSecretName: ca, subjects: [{type: Email, value: a}]"), "subjects"),
		bad("no name", of("caSecretName: ca, subjects: []"), "subjects"),
	})
}

func TestRulesOfKeys(t *testing.T) {
	t.Parallel()
	of := func(fields string) string {
		return "authentication: {jwt: [{name: idp, audiences: [a]" + fields + "}]}\n" + one
	}
	const keys = ", jwks: {configMapKeyRef: {name: keys, key: jwks.json}}"
	check(t, []row{
		ok("keys in a ConfigMap", of(keys)),
		ok("keys in a ConfigMap, of an issuer", of(keys+", issuer: till")),
		ok("keys in a ConfigMap, of an issuer that is a URL", of(keys+", issuer: 'https://idp.example.com'")),
		ok("keys of nobody in particular", of(", jwksURI: 'https://idp.example.com/keys'")),
		bad("no keys", of(""), "authentication.jwt.issuer must be a URL where neither jwksURI nor jwks is set"),
		bad("keys in two places", of(keys+", jwksURI: 'https://idp.example.com/keys'"), "authentication.jwt.jwks goes with neither jwksURI nor caSecretName"),
		bad("authorities of nobody", of(keys+", caSecretName: ca"), "authentication.jwt.jwks goes with neither jwksURI nor caSecretName"),
		bad("keys nowhere", of(", jwks: {}"), "configMapKeyRef"),
		bad("keys without a key", of(", jwks: {configMapKeyRef: {name: keys}}"), "key"),
		bad("an issuer of no letters", of(keys+", issuer: ''"), "issuer"),
	})
}

func TestTokenRules(t *testing.T) {
	t.Parallel()
	of := func(issuer, more string) string {
		return "authentication: {jwt: [{name: idp, issuer: '" + issuer + "', audiences: [a]" + more + "}]}\n" + one
	}
	check(t, []row{
		ok("tokens by discovery", of("https://idp.example.com/tenant", "")),
		ok("tokens by their keys", of("partner", ", jwksURI: 'https://partner.example.com/keys?tenant=a'")),
		ok("tokens within the cluster", of("http://idp.shop.svc:8080/", "")),
		ok("tokens on loopback", of("http://127.0.0.1:8080", ", jwksURI: 'http://[::1]:9/'")),
		bad("an issuer in the clear", of("http://idp.example.com", ""), "authentication.jwt.issuer must be https:// with a host"),
		bad("an issuer with a query", of("https://idp.example.com/?a", ""), "authentication.jwt.issuer must be https:// with a host"),
		bad("an issuer with a user", of("https://a@idp.example.com/", ""), "authentication.jwt.issuer must be https:// with a host"),
		bad("an issuer that says nowhere where its keys are", of("partner", ""), "authentication.jwt.issuer must be a URL where neither jwksURI nor jwks is set"),
		bad("keys in the clear", of("partner", ", jwksURI: 'http://partner.example.com/'"), "authentication.jwt.jwksURI must be https:// with a host"),
		bad("tokens for anybody", "authentication: {jwt: [{name: idp, issuer: 'https://idp.example.com'}]}\n"+one, "authentication.jwt must have audiences or requiredClaims"),
		ok("tokens by a claim", jwt("requiredClaims: [{claim: claims.azp, values: [web]}]")),
		ok("claims of odd names", jwt(`requiredClaims: [{claim: 'claims.a["https://b/c"].d'}], caller: 'claims["a b"]'`)),
		bad("a claim of no token", jwt("requiredClaims: [{claim: request.path}]"), "claim"),
		bad("a claim with a blank", jwt("audiences: [a], caller: claims.a b"), "caller"),
		bad("a claim in open quotes", jwt(`audiences: [a], caller: 'claims["a'`), "caller"),
		bad("one claim twice", jwt("requiredClaims: [{claim: claims.a}, {claim: claims.a}]"), "Duplicate"),
		ok("all algorithms", jwt("audiences: [a], algorithms: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519]")),
		bad("none", jwt("audiences: [a], algorithms: [none]"), "algorithms"),
		bad("a shared secret", jwt("audiences: [a], algorithms: [HS256]"), "algorithms"),
		bad("no algorithm", jwt("audiences: [a], algorithms: []"), "algorithms"),
		ok("no skew", jwt("audiences: [a], clockSkew: 0s")),
		bad("a skew of an hour", jwt("audiences: [a], clockSkew: 1h"), "authentication.jwt.clockSkew must be between 0s and 5m"),
		ok("a token in a field", jwt("audiences: [a], from: {header: X-Assertion}")),
		ok("a token behind a word", jwt("audiences: [a], from: {header: Authorization, prefix: Token}")),
		ok("a token in the query", jwt("audiences: [a], from: {query: access_token}")),
		bad("a token in two places", jwt("audiences: [a], from: {header: X-A, query: a}"), "authentication.jwt.from must have exactly one of header and query"),
		bad("a token nowhere", jwt("audiences: [a], from: {}"), "authentication.jwt.from must have exactly one of header and query"),
		bad("a word in the query", jwt("audiences: [a], from: {query: a, prefix: Token}"), "authentication.jwt.from.prefix goes with header"),
		bad("no issuer", "authentication: {jwt: []}\n"+one, "jwt"),
		bad("a field that there is not", jwt("audiences: [a], x: 1"), "unknown field"),
	})
}
