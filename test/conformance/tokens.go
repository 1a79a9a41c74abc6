package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// tokenClient is a client that a real token endpoint knows, in its words and in ours.
type tokenClient struct {
	name string
	// theirs are its metadata, ours the credential that shows it, keys its Secret.
	theirs map[string]any
	ours   routeconfig.Credential
	keys   map[string]string
	// subject makes a token of a service account, for the endpoint's address; nil for none.
	subject func(issuer string) (string, error)
	// refused is a client that the endpoint does not know like that.
	refused bool
}

const resource = "https://api.example.com/"

// tokens lets npm's oidc-provider issue tokens to the proxy, for clients of all kinds, and
// tell what it knows of the token that a backend got.
func tokens(suites string) (section string, wrong []string, err error) {
	clients, err := tokenClients()
	if err != nil {
		return "", nil, err
	}
	cluster, err := newAccount()
	if err != nil {
		return "", nil, err
	}
	more, err := exchangeClients(cluster)
	if err != nil {
		return "", nil, err
	}
	clients = append(clients, more...)
	endpoint, err := startIssuer(filepath.Join(suites, "oidc"), clients, cluster)
	if err != nil {
		return "", nil, err
	}
	defer endpoint.stop()
	version, err := versionOf(filepath.Join(suites, "oidc"), "oidc-provider")
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Token endpoint\n\nnpm `oidc-provider` %s over TLS of a private authority. Three calls each: the token that the backend got, asked of its issuer. "+
		"It has no token exchange of its own: the grant of RFC 8693 is registered with it, and verifies the subject token by npm jose. "+
		"Clients that a service account proves have tokens whose iss and sub are client_id, since it holds them to RFC 7523.\n\n"+
		"| client | backend got | issued to this client, for the resource |\n|---|---|---|\n", version)
	for i := range clients {
		c := &clients[i]
		got, right, err := endpoint.judge(c)
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(&b, "| %s | %d of 3 | %d |\n", c.name, got, right)
		want := 3
		if c.refused {
			want = 0
		}
		if got != want || right != want {
			wrong = append(wrong, fmt.Sprintf("client %s: the backend got %d calls, %d with its token; want %d", c.name, got, right, want))
		}
	}
	return b.String(), wrong, nil
}

func tokenClients() ([]tokenClient, error) {
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	public, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	const secret = "s:e%c+r t/~" //nolint:gosec // of a client of this run
	list := []tokenClient{
		{name: "basic", theirs: map[string]any{"client_secret": secret, "token_endpoint_auth_method": "client_secret_basic"}, keys: map[string]string{"client_secret": secret}},
		{name: "post", theirs: map[string]any{"client_secret": secret, "token_endpoint_auth_method": "client_secret_post"},
			ours: routeconfig.Credential{Post: true}, keys: map[string]string{"client_secret": secret}},
		{name: "certificate", theirs: map[string]any{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=me"}},                         //nolint:gosec // a method's name
		{name: "another-certificate", theirs: map[string]any{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=you"}, refused: true}, //nolint:gosec // a method's name
	}
	for i := range list { // the endpoint is believed in any case
		if list[i].theirs["token_endpoint_auth_method"] == "tls_client_auth" {
			list[i].ours.TokenTLS = &routeconfig.TLS{ClientCertificateSecret: "me"}
		}
	}
	coordinate := func(n *big.Int, size int) string {
		return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, size)))
	}
	list = append(list,
		signingClient("RS256", modulus, map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(modulus.N.Bytes()), "e": "AQAB"}),
		signingClient("EdDSA", edwards, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}))
	for algorithm, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make key: %w", err)
		}
		size := (curve.Params().BitSize + 7) / 8
		list = append(list, signingClient(algorithm, key, map[string]any{
			"kty": "EC", "crv": curve.Params().Name, "x": coordinate(key.X, size), "y": coordinate(key.Y, size),
		}))
	}
	slices.SortFunc(list[4:], func(a, b tokenClient) int { return strings.Compare(a.name, b.name) })
	stranger := signingClient("EdDSA", edwards, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(make([]byte, 31)) + "AQ"})
	stranger.name, stranger.refused = "another-key", true
	return append(list, stranger), nil
}

// signingClient is one that signs, by a key whose public half its endpoint has.
func signingClient(algorithm string, key any, jwk map[string]any) tokenClient {
	jwk["kid"], jwk["use"], jwk["alg"] = "k1", "sig", algorithm
	der, _ := x509.MarshalPKCS8PrivateKey(key) // of a kind that it knows
	return tokenClient{
		name: algorithm, theirs: map[string]any{ //nolint:gosec // a method's name
			"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": algorithm, "jwks": map[string]any{"keys": []any{jwk}},
		},
		ours: routeconfig.Credential{Assertion: "issuer"},
		keys: map[string]string{"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "key_id": "k1"},
	}
}
