package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// echoProtocol answers with the protocol that it was spoken to in.
func echoProtocol(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"protocol":%q,"bytes":%d,"target":%q}`, r.Proto, len(body), r.RequestURI)
}

func authority(server *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func TestBackendsAreSpokenToInTheirProtocol(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		plain := httptest.NewUnstartedServer(http.HandlerFunc(echoProtocol))
		plain.Config.Protocols = new(http.Protocols)
		plain.Config.Protocols.SetHTTP1(true)
		plain.Config.Protocols.SetUnencryptedHTTP2(true)
		plain.Start()
		t.Cleanup(plain.Close)
		both := httptest.NewUnstartedServer(http.HandlerFunc(echoProtocol))
		both.EnableHTTP2 = true
		both.StartTLS()
		t.Cleanup(both.Close)
		old := httptest.NewTLSServer(http.HandlerFunc(echoProtocol))
		t.Cleanup(old.Close)
		for _, row := range []struct {
			name, url, protocol, want string
		}{
			{"plain", plain.URL, "Auto", "HTTP/1.1"},
			{"plain by default", plain.URL, "", "HTTP/1.1"},
			{"plain, by prior knowledge", plain.URL, "H2C", "HTTP/2.0"},
			{"TLS that agrees on it", both.URL, "Auto", "HTTP/2.0"},
			{"TLS that is not asked", both.URL, "HTTP1", "HTTP/1.1"},
			{"TLS that knows HTTP/1.1 alone", old.URL, "Auto", "HTTP/1.1"},
		} {
			secrets := testkit.NewSecrets(t)
			secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": authority(both) + authority(old)})
			p := proxytest.ServeWith(t, secrets, o, testkit.Route("orders", testkit.Receivers(
				testkit.Receiver("one", row.url, request(forward), func(b *routeconfig.Backend) {
					b.Protocol, b.TLS = row.protocol, &routeconfig.TLS{CASecret: "ca"}
				}))))
			for range 3 {
				r := p.Do("POST", "orders", "/a%2Fb;x?y=%20&z", strings.Repeat("x", 100_000))
				if !strings.Contains(r.Body, `{"protocol":"`+row.want+`","bytes":100000,"target":"/a%2Fb;x?y=%20&z"}`) {
					t.Errorf("%s: %d %.300s, want %s", row.name, r.Status, r.Body, row.want)
				}
			}
		}
	})
}

// The backend wants to know who asks; a new certificate holds from the next connection.
func TestClientCertificates(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		first, second := newPair(t, "first"), newPair(t, "second")
		callers := x509.NewCertPool()
		callers.AppendCertsFromPEM([]byte(first["tls.crt"] + second["tls.crt"]))
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"caller":%q}`, r.TLS.PeerCertificates[0].Subject.CommonName)
		}))
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert, ClientCAs: callers}
		server.StartTLS()
		t.Cleanup(server.Close)
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": authority(server)})
		p := proxytest.ServeWith(t, secrets, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", server.URL, func(b *routeconfig.Backend) {
				b.TLS = &routeconfig.TLS{CASecret: "ca", ClientCertificateSecret: "me"}
			}))))
		if r := p.Do("POST", "orders", "/", "{}"); !strings.Contains(r.Body, `"reason":"credential"`) {
			t.Errorf("without its Secret: %d %s", r.Status, r.Body)
		}
		for name, pair := range map[string]map[string]string{"first": first, "second": second} {
			secrets.Mount(testkit.Namespace, "me", pair)
			testkit.Eventually(t, name+" is shown", func() bool {
				return strings.Contains(p.Do("POST", "orders", "/", "{}").Body, `{"caller":"`+name+`"}`)
			})
		}
	})
}

// A certificate is shown to the hosts that its Secret names, and to no other.
func TestClientCertificatesAreBoundToHosts(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"shown":%d}`, len(r.TLS.PeerCertificates))
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	for hosts, allowed := range map[string]bool{host: true, "api.example.com": false} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": authority(server), "allowedHosts": "nowhere.example.com"})
		pair := newPair(t, "me")
		pair["allowedHosts"] = hosts
		secrets.Mount(testkit.Namespace, "me", pair)
		p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("one", server.URL, func(b *routeconfig.Backend) {
				b.TLS = &routeconfig.TLS{CASecret: "ca", ClientCertificateSecret: "me"}
			}))))
		r := p.Do("POST", "orders", "/", "{}")
		told := strings.Contains(p.Ask("/status").Body, `{"secret":"me","key":"allowedHosts","backend":"one","seconds":0,"message":"allowedHosts does not cover `+host+`"}`)
		if allowed != strings.Contains(r.Body, `"shown":1`) || allowed == strings.Contains(r.Body, `"reason":"credential"`) || told == allowed {
			t.Errorf("allowedHosts %s: %d %s, told %v", hosts, r.Status, r.Body, told)
		}
	}
}

// A backend that moves is followed, although its old address goes on answering and its
// connections are always in use.
func TestMovedBackendsAreFollowed(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{routeconfig.ProtocolHTTP1, routeconfig.ProtocolH2C} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			followMoved(t, protocol)
		})
	}
}

func followMoved(t *testing.T, protocol string) {
	t.Helper()
	var address atomic.Pointer[[4]byte]
	var asked atomic.Int64
	address.Store(&[4]byte{127, 0, 0, 1})
	resolver := testkit.NameServer(t, func(q dnsmessage.Question, m *dnsmessage.Message) {
		if q.Type == dnsmessage.TypeA {
			asked.Add(1)
		}
		testkit.PointTo(q, m, *address.Load())
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	moved, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("this machine has no 127.0.0.2: %v", err)
	}
	for name, listener := range map[string]net.Listener{"old": l, "new": moved} {
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"at":%q}`, name)
		})}
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	p := proxytest.Serve(t, proxy.Options{
		Dialer: dial.New(dial.Options{AllowLoopback: true, Resolver: resolver, LookupEvery: 50 * time.Millisecond}),
	}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", "http://backend.test:"+port, func(b *routeconfig.Backend) { b.Protocol = protocol }))))
	at := func() string {
		t.Helper()
		body := p.Do("POST", "orders", "/", "{}").Body
		_, after, found := strings.Cut(body, `{"at":"`)
		if !found {
			t.Fatal(body)
		}
		return strings.SplitN(after, `"`, 2)[0]
	}
	for range 5 {
		if got := at(); got != "old" {
			t.Fatalf("at %q", got)
		}
	}
	testkit.Eventually(t, "the name is looked up again", func() bool { _ = at(); return asked.Load() > 3 })
	address.Store(&[4]byte{127, 0, 0, 2})
	testkit.Eventually(t, "the new address is called", func() bool { return at() == "new" })
	for range 5 {
		if got := at(); got != "new" {
			t.Errorf("after that, %q", got)
		}
	}
}

// A peer that never answers the handshake holds its connection no longer than 10 s,
// though the call for which it was made has ended before.
func TestHandshakesEnd(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ended := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		_, err = io.Copy(io.Discard, conn)
		ended <- err
	}()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(
		testkit.Receiver("one", "https://"+l.Addr().String(), func(b *routeconfig.Backend) { b.Timeout = testkit.Span(100 * time.Millisecond) }))))
	if r := p.Do("POST", "orders", "/", "{}"); !strings.Contains(r.Body, `"reason":"timeout"`) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if err := <-ended; err != nil {
		t.Errorf("the connection is still open: %v", err)
	}
}
