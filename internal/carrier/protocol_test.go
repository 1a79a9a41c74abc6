package carrier_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// newServer answers with the protocol in which it was asked, over TLS, which agrees on the
// best that is offered.
func newServer(t *testing.T, adjust func(*httptest.Server), offered ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = slices.Contains(offered, "h2")
	s.TLS = &tls.Config{NextProtos: offered, MinVersion: tls.VersionTLS12}
	adjust(s)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// trusting are settings that trust a server.
func trusting(s *httptest.Server) carrier.Settings {
	return func() (*tls.Config, error) {
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
	}
}

// newCarrier carries to an address over TLS.
func newCarrier(t *testing.T, address, protocol string, secure carrier.Settings) *carrier.Carrier {
	t.Helper()
	c := carrier.New(carrier.Options{
		Base: &url.URL{Scheme: "https", Host: address}, Dialer: dial.New(dial.Options{AllowLoopback: true}), Protocol: protocol, Secure: secure,
	})
	t.Cleanup(c.Close)
	return c
}

// get asks a server that stands at any address.
func get(ctx context.Context, c *carrier.Carrier) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/", http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := c.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// A server is asked in what the document says, or else in what TLS agrees on.
func TestProtocolsThatTLSAgreesOn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		protocol string
		offered  []string
		want     string
	}{
		{routeconfig.ProtocolAuto, []string{"h2", "http/1.1"}, "HTTP/2.0"},
		{routeconfig.ProtocolAuto, []string{"http/1.1"}, "HTTP/1.1"},
		{routeconfig.ProtocolHTTP1, []string{"h2", "http/1.1"}, "HTTP/1.1"},
	} {
		s := newServer(t, func(*httptest.Server) {}, row.offered...)
		c := newCarrier(t, s.Listener.Addr().String(), row.protocol, trusting(s))
		for range 2 {
			if got, err := get(t.Context(), c); err != nil || got != row.want {
				t.Errorf("%s with a server of %v: %s, want %s; %v", row.protocol, row.offered, got, row.want, err)
			}
		}
	}
}

// Each connection goes to the requests of the protocol that it is for: none is lost where
// that changes, though nobody knows before.
func TestRequestsFollowTheProtocolOfNewConnections(t *testing.T) {
	t.Parallel()
	var old atomic.Bool
	s := newServer(t, func(s *httptest.Server) {
		s.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := s.TLS.Clone()
			if now.GetConfigForClient = nil; old.Load() {
				now.NextProtos = []string{"http/1.1"}
			}
			return now, nil
		}
	}, "h2", "http/1.1")
	c := newCarrier(t, s.Listener.Addr().String(), routeconfig.ProtocolAuto, trusting(s))
	held := []io.Closer{}
	for _, step := range []struct {
		old  bool
		want string
	}{
		{true, "HTTP/1.1"}, {true, "HTTP/1.1"}, {false, "HTTP/2.0"}, {true, "HTTP/2.0"},
	} {
		old.Store(step.old)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.example.com/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.RoundTrip(r)
		if err != nil || response.Proto != step.want {
			t.Fatalf("a server that offers HTTP/2: %v; asked in %+v, want %s; %v", !step.old, response, step.want, err)
		}
		held = append(held, response.Body) // keeps a connection of HTTP/1.1 from the next request
	}
	for _, body := range held {
		_ = body.Close()
	}
}

// Where there is no connection, the request ends with the reason for that.
func TestServersThatTakeNoConnections(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	stranger := newServer(t, func(*httptest.Server) {}, "h2", "http/1.1").Listener.Addr().String()
	for _, protocol := range []string{routeconfig.ProtocolAuto, routeconfig.ProtocolHTTP1} {
		for address, want := range map[string]fanout.Reason{nobody: fanout.Connect, stranger: fanout.TLS} {
			c := newCarrier(t, address, protocol, carrier.Secure(nil, nil, nil))
			if got, err := get(t.Context(), c); err == nil || carrier.Reason(err, false) != want {
				t.Errorf("%s at %s: %q, %v, want %s", protocol, address, got, err, want)
			}
		}
	}
}
