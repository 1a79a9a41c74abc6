package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// tokenClient is a client that a real token endpoint knows, in its words and in ours.
type tokenClient struct {
	name string
	// theirs are its metadata, ours the credential that shows it, keys its Secret.
	theirs map[string]any
	ours   routeconfig.Credential
	keys   map[string]string
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
	endpoint, err := startIssuer(filepath.Join(suites, "oidc"), clients)
	if err != nil {
		return "", nil, err
	}
	defer endpoint.stop()
	version, err := versionOf(filepath.Join(suites, "oidc"), "oidc-provider")
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Token endpoint\n\nnpm `oidc-provider` %s over TLS of a private authority. Three calls each: the token that the backend got, asked of its issuer.\n\n"+
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

// tokenIssuer is a running endpoint.
type tokenIssuer struct {
	url  string
	pair map[string]string // its certificate, which is its authority too, and the client's
	ask  *http.Client
	stop func()
}

func startIssuer(folder string, clients []tokenClient) (*tokenIssuer, error) {
	own, err := certificate("issuer")
	if err != nil {
		return nil, err
	}
	me, err := certificate("me")
	if err != nil {
		return nil, err
	}
	var theirs []map[string]any
	for i := range clients {
		clients[i].theirs["client_id"] = clients[i].name
		theirs = append(theirs, clients[i].theirs)
	}
	told, err := json.Marshal(map[string]any{"key": own["tls.key"], "cert": own["tls.crt"], "clients": theirs, "cookie": rand.Text()})
	if err != nil {
		return nil, fmt.Errorf("encode clients: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, "node", "issuer.mjs", folder) //nolint:gosec // a folder of ours
	in, unfed := cmd.StdinPipe()
	out, unheard := cmd.StdoutPipe()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := errors.Join(unfed, unheard, cmd.Start()); err != nil {
		cancel()
		return nil, fmt.Errorf("start issuer.mjs: %w", err)
	}
	stop := func() { _ = in.Close(); _ = cmd.Wait(); cancel() }
	_, _ = in.Write(append(told, '\n'))
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, fmt.Errorf("read the port of issuer.mjs: %w: %s", err, stderr.String())
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(own["tls.crt"]))
	return &tokenIssuer{
		url: "https://127.0.0.1:" + strings.TrimSpace(port), stop: stop,
		pair: map[string]string{"ca.crt": own["tls.crt"], "tls.crt": me["tls.crt"], "tls.key": me["tls.key"]},
		ask:  &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}},
	}, nil
}

// judge makes three calls with a client's tokens: how many reached the backend, and how many
// of those had a token that was issued to the client, for the resource and the scope.
func (i *tokenIssuer) judge(c *tokenClient) (got, right int, err error) {
	secrets := fstest.MapFS{"judged/client/client_id": {Data: []byte(c.name)}}
	for key, value := range c.keys {
		secrets["judged/client/"+key] = &fstest.MapFile{Data: []byte(value)}
	}
	for key, value := range i.pair {
		secrets["judged/me/"+key] = &fstest.MapFile{Data: []byte(value)}
	}
	credential := c.ours
	credential.Type, credential.Secret, credential.TokenURL, credential.Scopes = routeconfig.CredentialOAuth2, "client", i.url+"/token", []string{"read"}
	credential.Parameters = []routeconfig.NameValue{{Name: "resource", Value: resource}}
	if credential.Assertion != "" {
		credential.Assertion = i.url
	}
	own := routeconfig.TLS{CASecret: "me"}
	if credential.TokenTLS != nil {
		own.ClientCertificateSecret = credential.TokenTLS.ClientCertificateSecret
	}
	credential.TokenTLS = &own
	backend := &caught{}
	address, stop, err := startProxyWith(secrets, func(r *routeconfig.Route) { r.Backends[0].Credential = &credential }, backend)
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	for range 3 {
		if err := deliver(http.MethodPost, "http://"+address+"/", "{}"); err != nil && !c.refused {
			return 0, 0, err
		}
	}
	for _, r := range backend.requests {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		known, err := i.knows(token)
		if err != nil {
			return 0, 0, err
		}
		if bearer && known.Client == c.name && slices.Equal(known.Audience, []string{resource}) && known.Scope == "read" {
			right++
		}
	}
	return len(backend.requests), right, nil
}

// knownToken is what the endpoint knows of a token.
type knownToken struct {
	Client   string   `json:"client"`
	Audience []string `json:"audience"`
	Scope    string   `json:"scope"`
}

func (i *tokenIssuer) knows(token string) (known knownToken, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url+"/judge?token="+url.QueryEscape(token), nil)
	if err != nil {
		return known, fmt.Errorf("ask: %w", err)
	}
	response, err := i.ask.Do(r)
	if err != nil {
		return known, fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(content, &known)
	}
	if err != nil {
		return known, fmt.Errorf("read what is known: %w", err)
	}
	return known, nil
}

// certificate is a pair that signs itself, for loopback.
func certificate(name string) (map[string]string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	}, nil
}
