package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// What tokens of a service account are: who issues them, and whose they are.
const (
	clusterIssuer  = "https://kubernetes.default.svc.cluster.local"
	serviceAccount = "system:serviceaccount:judged:default"
)

// account signs tokens of service accounts, as a cluster does.
type account struct {
	public  ed25519.PublicKey
	private ed25519.PrivateKey
}

func newAccount() (*account, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return &account{public, private}, nil
}

// jwk is the public half of the key, in the form of RFC 8037.
func (a *account) jwk() map[string]any {
	return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(a.public), "kid": "k1", "use": "sig", "alg": "EdDSA"}
}

// token is one for an audience.
func (a *account) token(issuer, subject, audience string) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": subject, "aud": []string{audience}, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": rand.Text(),
	})
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"k1"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(a.private, []byte(signed))), nil
}

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeJWT       = "urn:ietf:params:oauth:token-type:jwt"
)

// exchangeClients get tokens for others (RFC 8693), or prove who they are by that of a service
// account; the last three show one that the endpoint must not take.
func exchangeClients(cluster *account) ([]tokenClient, error) {
	stranger, err := newAccount()
	if err != nil {
		return nil, err
	}
	const secret = "e:x%c+h a/~" //nolint:gosec // of a client of this run
	exchanged := func(workload bool) *routeconfig.Exchange {
		return &routeconfig.Exchange{Workload: workload, SubjectTokenType: typeJWT}
	}
	byAccount := func(a *account) func(issuer string) (string, error) {
		return func(issuer string) (string, error) { return a.token(clusterIssuer, serviceAccount, issuer) }
	}
	// An assertion of RFC 7523 is issued by its client, which oidc-provider holds it to.
	asClient := func(a *account, name string) func(issuer string) (string, error) {
		return func(issuer string) (string, error) { return a.token(name, name, issuer) }
	}
	exchanges := func(method string) map[string]any {
		return map[string]any{"grant_types": []string{grantExchange}, "token_endpoint_auth_method": method}
	}
	basic := exchanges("client_secret_basic")
	basic["client_secret"] = secret
	proven := func() map[string]any {
		return map[string]any{ //nolint:gosec // a method's name
			"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "EdDSA", "jwks": map[string]any{"keys": []any{cluster.jwk()}},
		}
	}
	elsewhere := func(string) (string, error) {
		return cluster.token(clusterIssuer, serviceAccount, "https://elsewhere.example.com")
	}
	return []tokenClient{
		{name: "exchange of a Secret's", theirs: basic, keys: map[string]string{"client_secret": secret},
			ours: routeconfig.Credential{Exchange: exchanged(false)}, subject: byAccount(cluster)},
		{name: "exchange of a service account's", theirs: exchanges("none"), ours: routeconfig.Credential{Public: true, Exchange: exchanged(true)}, subject: byAccount(cluster)},
		{name: "client by a service account", theirs: proven(), ours: routeconfig.Credential{Federated: true}, subject: asClient(cluster, "client by a service account")},
		{name: "exchange of another cluster's", theirs: exchanges("none"), ours: routeconfig.Credential{Public: true, Exchange: exchanged(true)}, subject: byAccount(stranger), refused: true},
		{name: "exchange of one for others", theirs: exchanges("none"), ours: routeconfig.Credential{Public: true, Exchange: exchanged(true)}, subject: elsewhere, refused: true},
		{name: "client by another cluster", theirs: proven(), ours: routeconfig.Credential{Federated: true}, subject: asClient(stranger, "client by another cluster"), refused: true},
	}, nil
}
