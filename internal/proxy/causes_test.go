package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// expired is a server whose certificate was good until 2 March 2026, and its certificate.
func expired(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(nil)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// Why a backend gives no response is on /status, in one line of the log and in a metric, which
// was 0 before; and so is that it answers again.
func TestWhyABackendGivesNoResponseIsTold(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		closed := httptest.NewServer(nil)
		closed.Close()
		stranger := httptest.NewTLSServer(nil)
		t.Cleanup(stranger.Close)
		old, authority := expired(t)
		silence := make(chan struct{})
		silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silence }))
		t.Cleanup(silent.Close)
		halting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
			<-silence
		}))
		t.Cleanup(halting.Close)
		t.Cleanup(func() { close(silence) }) // before they close
		nobody := testkit.NameServer(t, func(_ dnsmessage.Question, m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError })
		mute := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			select {
			case <-ctx.Done():
			case <-silence: // or a lookup outlives the test
			}
			return nil, context.Canceled
		}}
		for name, row := range map[string]struct {
			url      string
			resolver *net.Resolver
			modify   func(*routeconfig.Backend)
			reason   string
			cause    string
			says     string
		}{
			"a name that there is not":     {"http://api.example.com", nobody, nil, "connect", "noSuchHost", "lookup api.example.com: no such host"},
			"nobody listens":               {closed.URL, nil, nil, "connect", "connectionRefused", "connection refused"},
			"a certificate that has ended": {old.URL, nil, nil, "tls", "certificateExpired", "certificate expired 2026-03-02"},
			"a stranger":                   {stranger.URL, nil, nil, "tls", "unknownAuthority", "unknown authority"},
			"no TLS":                       {strings.Replace(silent.URL, "http:", "https:", 1), nil, nil, "tls", "notTLS", "the server does not speak TLS"},
			"no connection in time":        {"http://api.example.com", mute, nil, "timeout", "connectTimeout", "while connecting"},
			"no response in time":          {silent.URL, nil, nil, "timeout", "responseTimeout", "without a response"},
			"no end of it in time":         {halting.URL, nil, nil, "timeout", "bodyTimeout", "within the response"},
		} {
			for method, timeout := range map[string]func(*routeconfig.Route){
				"POST": func(r *routeconfig.Route) { r.Backends[0].Timeout = testkit.Span(200 * time.Millisecond) },
				"GET":  func(r *routeconfig.Route) { r.Dispatch.Timeout = testkit.Span(200 * time.Millisecond) },
			} {
				t.Run(name+" "+method, func(t *testing.T) {
					t.Parallel()
					secrets := testkit.NewSecrets(t)
					secrets.Mount(testkit.Namespace, "old", map[string]string{"ca.crt": authority})
					route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", row.url)))
					if row.url == old.URL {
						route.Backends[0].TLS = &routeconfig.TLS{CASecret: "old"}
					}
					if row.reason == "timeout" {
						timeout(&route)
					}
					o := proxy.Options{HTTP1: o.HTTP1, AccessLogSample: 1 << 30, Dialer: dial.New(dial.Options{AllowLoopback: true, Resolver: row.resolver})}
					p := proxytest.ServeWith(t, secrets, o, route)
					counted := fmt.Sprintf(`fanout_transport_failures_total{backend="one",cause=%q,namespace="shop",route="orders"} `, row.cause)
					if page := p.Ask("/metrics").Body; !strings.Contains(page, counted+"0\n") {
						t.Errorf("%s0 is not there before the first failure", counted)
					}
					for range 3 {
						p.Do(method, "orders", "/", "")
					}
					if page := p.Ask("/metrics").Body; !strings.Contains(page, counted+"3\n") {
						t.Errorf("there is no %s3", counted)
					}
					if page := p.Ask("/status").Body; !strings.Contains(page, fmt.Sprintf(`"lastFailure":{"reason":%q,"cause":%q`, row.reason, row.cause)) ||
						!strings.Contains(page, fmt.Sprintf(`"message":%q`, row.says)) {
						t.Errorf("/status does not say %s, %q: %s", row.cause, row.says, page)
					}
					lines := p.Log.Lines(t, "backend fails")
					if len(lines) != 1 || lines[0]["reason"] != row.reason || lines[0]["cause"] != row.cause || lines[0]["detail"] != row.says {
						t.Errorf("logged %v", lines)
					}
				})
			}
		}
	})
}
