package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// issuer signs tokens by Ed25519. Its keys stand in a ConfigMap.
type issuer struct {
	id  string
	key ed25519.PrivateKey
}

func newIssuer(t *testing.T, id string) issuer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{id, key}
}

// keys is the set of the issuer's one key (RFC 7517).
func (i issuer) keys() string {
	public, _ := i.key.Public().(ed25519.PublicKey)
	set, _ := json.Marshal(map[string]any{"keys": []map[string]string{ // of texts alone
		{"kty": "OKP", "crv": "Ed25519", "kid": i.id, "x": base64.RawURLEncoding.EncodeToString(public)},
	}})
	return string(set)
}

// token is one for an hour.
func (i issuer) token(caller string) string {
	part := func(v map[string]any) string {
		raw, _ := json.Marshal(v) // of texts and a number
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	input := part(map[string]any{"alg": "EdDSA", "kid": i.id}) + "." + part(map[string]any{"sub": caller, "aud": "orders", "exp": time.Now().Add(time.Hour).Unix()})
	return "Bearer " + input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(i.key, []byte(input)))
}

// answered makes calls with a field and returns the status that all of some have; empty where
// they differ, or none has come through.
func (a *agent) answered(url, field, value string) string {
	a.s.t.Helper()
	headers := map[string]string{}
	if field != "" {
		headers[field] = value
	}
	a.control(http.MethodPost, "load", map[string]any{"url": url, "perSecond": 20, "workers": 2, "headers": headers}, nil)
	time.Sleep(time.Second)
	total := a.end()
	if len(total.Statuses) != 1 || len(total.Errors) > 0 {
		return ""
	}
	for status := range total.Statuses {
		return status
	}
	return ""
}

func (a *agent) becomes(what, url, field, value, status string) {
	a.s.t.Helper()
	eventually(a.s.t, what+" is answered "+status, func() bool { return a.answered(url, field, value) == status })
}

// A route admits callers by a key, a password and a token, and refuses what they may not do. What
// is rotated holds in running Pods: a key in a Secret, and the keys of an issuer in a ConfigMap.
func TestCallersOfEveryKind(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	agents := s.agents("one", "load")
	load, first, second := agents[1], newIssuer(t, "first"), newIssuer(t, "second")
	s.secret("callers", map[string]string{"web": "web-key", "trial": "trial-key"})
	// of the password "correct horse", as htpasswd -B writes it
	s.secret("users", map[string]string{"auth": "ada:$2y$05$x5uRHk7nDzRm981qGX2Yful9lZWajyxZIbDfVs0bDyp9gX4tWppiC\n"})
	s.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "keys"}, Data: map[string]string{"jwks.json": first.keys()}})
	s.route("orders", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Authentication = &v1alpha1.CallerAuthentication{
			APIKeys: &v1alpha1.CallerAPIKeys{SecretName: "callers"},
			Basic:   &v1alpha1.CallerBasic{SecretName: "users"},
			JWT: []v1alpha1.CallerJWT{{
				Name: "idp", Audiences: []string{"orders"},
				JWKS: &v1alpha1.JWKS{ConfigMapKeyRef: &v1alpha1.ConfigMapKeyReference{Name: "keys", Key: "jwks.json"}},
			}},
		}
		r.Spec.Authorization = &v1alpha1.Authorization{Rules: []v1alpha1.AuthorizationRule{{Expression: "request.caller != 'trial'", Message: "trials are over"}}}
	})
	s.ready("orders")
	url := s.url("orders")
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+password))
	}
	load.becomes("a key", url, "X-API-Key", "web-key", "200")
	load.becomes("nobody", url, "", "", "401")
	load.becomes("a wrong key", url, "X-API-Key", "other-key", "401")
	load.becomes("who may not", url, "X-API-Key", "trial-key", "403")
	load.becomes("a password", url, "Authorization", basic("correct horse"), "200")
	load.becomes("a wrong password", url, "Authorization", basic("battery staple"), "401")
	load.becomes("a token", url, "Authorization", first.token("ada"), "200")
	load.becomes("a token of who may not", url, "Authorization", first.token("trial"), "403")
	load.becomes("a token of another key", url, "Authorization", second.token("ada"), "401")
	edit(s, "callers", &corev1.Secret{}, func(x *corev1.Secret) { x.Data["web"] = []byte("web-key-2") })
	edit(s, "keys", &corev1.ConfigMap{}, func(x *corev1.ConfigMap) { x.Data["jwks.json"] = second.keys() })
	load.becomes("the new key", url, "X-API-Key", "web-key-2", "200")
	load.becomes("the key of before", url, "X-API-Key", "web-key", "401")
	load.becomes("a token of the new key", url, "Authorization", second.token("ada"), "200")
	load.becomes("a token of the key of before", url, "Authorization", first.token("ada"), "401")
	edit(s, "keys", &corev1.ConfigMap{}, func(x *corev1.ConfigMap) { x.Data["jwks.json"] = "no set" })
	eventually(t, "the broken set is told", func() bool {
		c := s.condition("orders", "ResolvedRefs")
		return c != nil && c.Status == metav1.ConditionFalse && c.Reason == "ConfigMapUnusable"
	})
	load.becomes("a token of the last good set", url, "Authorization", second.token("ada"), "200")
}

// A route knows another one, which calls it, by its certificate; one without gets no further.
func TestCallersByCertificate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	load := s.agents("one", "load")[1]
	host := "secure-fanout." + s.namespace + ".svc"
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "secure-tls"}, Type: corev1.SecretTypeTLS, StringData: certificate(t, host)})
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "till"}, Type: corev1.SecretTypeTLS, StringData: certificate(t, "till.example.com")})
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "stranger"}, Type: corev1.SecretTypeTLS, StringData: certificate(t, "till.example.com")})
	s.route("secure", []string{"one"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Listener.TLS = &v1alpha1.ListenerTLS{SecretName: "secure-tls"}
		r.Spec.Authentication = &v1alpha1.CallerAuthentication{ClientCertificate: &v1alpha1.CallerCertificate{CASecretName: "till"}}
		r.Spec.Authorization = &v1alpha1.Authorization{Rules: []v1alpha1.AuthorizationRule{{Expression: "request.caller == 'till.example.com'", Message: "tills alone"}}}
	})
	for name, shown := range map[string]v1alpha1.SecretName{"till": "till", "stranger": "stranger", "nobody": ""} {
		s.route(name, []string{"one"}, func(r *v1alpha1.FanoutRoute) {
			r.Spec.Backends[0] = v1alpha1.Backend{
				Name: "secure", URL: "https://" + host + ":8080/", TLS: &v1alpha1.BackendTLS{CASecretName: "secure-tls", ClientCertificateSecretName: shown},
			}
		})
	}
	s.ready("secure")
	for name, status := range map[string]string{"till": "200", "stranger": "502", "nobody": "502"} {
		s.ready(name)
		load.becomes("the certificate of "+name, s.url(name), "", "", status)
	}
}
