package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// newPair is a certificate that signs itself, and its key, as a Secret holds them. It is good for
// an hour.
func newPair(t *testing.T, name string) map[string]string {
	t.Helper()
	return pairUntil(t, name, time.Now().Add(time.Hour))
}

func pairUntil(t *testing.T, name string, end time.Time) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

// shown asks over a new connection, and returns who the listener says it is.
func shown(t *testing.T, address string) (name, proto string, err error) {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+"/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", "", err
	}
	_ = response.Body.Close()
	return response.TLS.PeerCertificates[0].Subject.CommonName, response.Proto, nil
}

func secured(r *routeconfig.Route) { r.Listener.TLSSecret = "tls" }

func TestListenerWithTLSFollowsItsSecret(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	backends := testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", backends, secured))
	address := p.Address("orders")
	if _, _, err := shown(t, address); err == nil {
		t.Error("a route without a certificate made a handshake")
	}
	secrets.Mount(testkit.Namespace, "tls", newPair(t, "first"))
	testkit.Eventually(t, "the first certificate is shown", func() bool { name, _, _ := shown(t, address); return name == "first" })
	if _, proto, _ := shown(t, address); proto != "HTTP/2.0" {
		t.Errorf("the protocol is %q, want HTTP/2.0 by ALPN", proto)
	}
	secrets.Mount(testkit.Namespace, "tls", newPair(t, "second"))
	testkit.Eventually(t, "the second certificate is shown", func() bool { name, _, _ := shown(t, address); return name == "second" })

	mixed := newPair(t, "third")
	mixed["tls.key"] = newPair(t, "other")["tls.key"]
	secrets.Mount(testkit.Namespace, "tls", mixed)
	testkit.Eventually(t, "the pair is found not to fit", func() bool {
		return strings.Contains(p.Ask("/status").Body, "no certificate with its key")
	})
	if name, _, err := shown(t, address); name != "second" {
		t.Errorf("with a pair that does not fit, %q is shown (%v), want the last good one", name, err)
	}
}

func TestListenerTurnsToTLSAndBack(t *testing.T) {
	t.Parallel()
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "tls", newPair(t, "a"))
	backends := testkit.Receivers(testkit.Receiver("one", testkit.NewBackend(t, nil).URL))
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", backends))
	for range 2 {
		if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
			t.Errorf("plain: status %d", r.Status)
		}
		p.Load(testkit.Route("orders", backends, secured))
		if name, _, err := shown(t, p.Address("orders")); name != "a" {
			t.Errorf("with TLS: %q is shown (%v)", name, err)
		}
		p.Load(testkit.Route("orders", backends))
	}
}
