package creds_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// inPEM is a key in PKCS #8, or in the form that its kind had before.
func inPEM(t *testing.T, key any, form string) string {
	t.Helper()
	var der []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		der = x509.MarshalPKCS1PrivateKey(k)
	case *ecdsa.PrivateKey:
		der, err = x509.MarshalECPrivateKey(k)
	}
	if form == "PRIVATE KEY" {
		der, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: form, Bytes: der}))
}

// asked is an endpoint that keeps the forms that it got.
type asked struct{ forms []url.Values }

// RoundTrip implements http.RoundTripper.
func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if user, _, ok := r.BasicAuth(); ok {
		form.Set("in the header", user)
	}
	a.forms = append(a.forms, form)
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"access_token":"t","expires_in":1}`))}, nil
}

// jws are the parts of a JWS that some key signed, of which verify says whether it was ours.
func jws(t *testing.T, text string, verify func(message, signature []byte) bool) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWS", text)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !verify([]byte(parts[0]+"."+parts[1]), signature) {
		t.Errorf("the signature is not the key's (%v)", err)
	}
	for i, out := range []*map[string]any{&header, &claims} {
		content, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(content, out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func ofEC(key *ecdsa.PrivateKey, digest func([]byte) []byte) func(message, signature []byte) bool {
	return func(message, signature []byte) bool {
		size := (key.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(&key.PublicKey, digest(message), r, s)
	}
}

// A client that signs shows no secret: it sends a JWT that its endpoint can verify, is good
// for a minute, and has an id of its own each time.
func TestClientsThatSign(t *testing.T) {
	t.Parallel()
	sum256 := func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }
	sum384 := func(b []byte) []byte { sum := sha512.Sum384(b); return sum[:] }
	sum512 := func(b []byte) []byte { sum := sha512.Sum512(b); return sum[:] }
	ec := func(c elliptic.Curve) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, p384, p521 := ec(elliptic.P256()), ec(elliptic.P384()), ec(elliptic.P521())
	ofRSA := func(message, signature []byte) bool {
		return rsa.VerifyPKCS1v15(&modulus.PublicKey, crypto.SHA256, sum256(message), signature) == nil
	}
	for name, row := range map[string]struct {
		key, algorithm, id string
		verify             func(message, signature []byte) bool
	}{
		"RSA":                  {inPEM(t, modulus, "PRIVATE KEY"), "RS256", "k1", ofRSA},
		"RSA in PKCS #1":       {inPEM(t, modulus, "RSA PRIVATE KEY"), "RS256", "", ofRSA},
		"P-256":                {inPEM(t, p256, "PRIVATE KEY"), "ES256", "k1", ofEC(p256, sum256)},
		"P-256 as OpenSSL is":  {inPEM(t, p256, "EC PRIVATE KEY"), "ES256", "", ofEC(p256, sum256)},
		"P-256 with its curve": {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + inPEM(t, p256, "EC PRIVATE KEY"), "ES256", "", ofEC(p256, sum256)},
		"P-384":                {inPEM(t, p384, "PRIVATE KEY"), "ES384", "", ofEC(p384, sum384)},
		"P-521":                {inPEM(t, p521, "PRIVATE KEY"), "ES512", "", ofEC(p521, sum512)},
		"Ed25519": {inPEM(t, edwards, "PRIVATE KEY"), "EdDSA", "k1", func(message, signature []byte) bool {
			return ed25519.Verify(public, message, signature)
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			secrets := testkit.NewSecrets(t)
			keys := map[string]string{"client_id": "me", "private_key": row.key}
			if row.id != "" {
				keys["key_id"] = row.id
			}
			secrets.Mount("shop", "client", keys)
			endpoint := &asked{}
			source := creds.NewTokenSource(creds.TokenOptions{
				TokenURL: "https://idp.example.com/token", Transport: endpoint, Assertion: "https://idp.example.com/",
				Client: creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Client("shop", "client", "client_id", "private_key"),
			})
			ids := map[any]bool{}
			for range 2 {
				if token, _, err := tokenOf(t, source); token != "t" || err != nil {
					t.Fatalf("%s: %q, %v", name, token, err)
				}
				time.Sleep(2 * time.Second)
			}
			for i, form := range endpoint.forms {
				if form.Get("client_id") != "me" || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
					form.Has("client_secret") || form.Has("in the header") || form.Get("grant_type") != "client_credentials" {
					t.Errorf("%s: asked by %v", name, form)
				}
				header, claims := jws(t, form.Get("client_assertion"), row.verify)
				id, _ := header["kid"].(string)
				if header["alg"] != row.algorithm || header["typ"] != "JWT" || id != row.id {
					t.Errorf("%s: header %v", name, header)
				}
				at := float64(time.Now().Add(-time.Duration(2*(2-i)) * time.Second).Unix())
				if claims["iss"] != "me" || claims["sub"] != "me" || claims["aud"] != "https://idp.example.com/" || claims["iat"] != at || claims["exp"] != at+60 {
					t.Errorf("%s: claims %v, want them at %v", name, claims, at)
				}
				ids[claims["jti"]] = true
			}
			if len(ids) != 2 || ids[""] || ids[nil] {
				t.Errorf("%s: ids are %v", name, ids)
			}
		})
	}
}

// What cannot sign is told by what is wanted, and nothing of what there is.
func TestKeysThatCannotSign(t *testing.T) {
	t.Parallel()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := newPair(t)
	const want = `Secret "client": key "private_key" is no private key in PEM: RSA of 2048 bits or more, EC (P-256, P-384, P-521) or Ed25519`
	for name, key := range map[string]string{
		"text": "hunter2", "a certificate": good["tls.crt"], "P-224": inPEM(t, p224, "PRIVATE KEY"),
		"half a key": good["tls.key"][:60], "another block": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount("shop", "client", map[string]string{"client_id": "me", "private_key": key})
		if _, err := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}).Client("shop", "client", "client_id", "private_key").Get(); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// A client without a key asks for nothing.
func TestNoTokenWithoutTheKey(t *testing.T) {
	t.Parallel()
	endpoint := &asked{}
	source, _ := fromIssuer(t, nil, func(o *creds.TokenOptions) { o.Transport, o.Assertion = endpoint, "https://idp.example.com/" })
	if token, _, err := tokenOf(t, source); token != "" || err == nil || len(endpoint.forms) != 0 {
		t.Errorf("%q, %v, asked by %v", token, err, endpoint.forms)
	}
}

// Of a client that a certificate proves the id alone is sent, and of one in the form both.
func TestClientsInTheForm(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		modify func(*creds.TokenOptions)
		want   string
	}{
		"by a certificate": {func(o *creds.TokenOptions) { o.Certified = true }, "client_id=me&grant_type=client_credentials"},
		"by its secret":    {func(o *creds.TokenOptions) { o.Post = true }, "client_id=me&client_secret=v&grant_type=client_credentials"},
		"in the header":    {func(*creds.TokenOptions) {}, "grant_type=client_credentials&in+the+header=me"},
		"with parameters": {
			func(o *creds.TokenOptions) {
				o.Certified, o.Parameters = true, url.Values{"audience": {"a"}, "resource": {"https://a/", "https://b/"}}
			},
			"audience=a&client_id=me&grant_type=client_credentials&resource=https%3A%2F%2Fa%2F&resource=https%3A%2F%2Fb%2F",
		},
	} {
		endpoint := &asked{}
		source, _ := fromIssuer(t, always(200, ""), func(o *creds.TokenOptions) { o.Transport = endpoint }, row.modify)
		if token, _, err := tokenOf(t, source); token != "t" || err != nil || len(endpoint.forms) != 1 || endpoint.forms[0].Encode() != row.want {
			t.Errorf("%s: %q, %v, asked by %v, want %s", name, token, err, endpoint.forms, row.want)
		}
	}
}

// What is no key signs nothing, though it came past the reading of the Secret, and nothing is
// asked without a signature.
func TestNothingIsAskedWithoutASignature(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount("shop", "client", map[string]string{"client_id": "me", "private_key": "canary"})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	endpoint, transport := answering(`{"access_token":"t"}`)
	token, _, err := tokenOf(t, creds.NewTokenSource(creds.TokenOptions{
		TokenURL: "https://idp.example.com/token", Transport: transport, Assertion: "aud", Client: store.Keys("shop", "client", "client_id", "private_key"),
	}))
	if token != "" || err == nil || strings.Contains(err.Error(), "canary") || len(endpoint.forms) > 0 {
		t.Errorf("%q, %v, asked by %v", token, err, endpoint.forms)
	}
}
