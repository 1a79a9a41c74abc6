package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
)

// TLS is no older than 1.2, is asked what it is to be once there is a connection, and is
// with the host of the address unless it says with whom.
func TestDialTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	address := s.Listener.Addr().String()
	d := New(Options{AllowLoopback: true, Resolve: map[string]string{"example.com:443": address}})
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	conn, err := d.DialTLS(t.Context(), "example.com:443", func() (*tls.Config, error) { return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10}, nil })
	if err != nil {
		t.Fatal(err)
	}
	if state := conn.ConnectionState(); state.ServerName != "example.com" || state.Version < tls.VersionTLS12 {
		t.Errorf("%s %d", state.ServerName, state.Version)
	}
	_ = conn.Close()
	missing := errors.New("missing")
	for name, row := range map[string]struct {
		settings func() (*tls.Config, error)
		cause    string
		is       error
	}{
		"a stranger":   {settings: func() (*tls.Config, error) { return &tls.Config{}, nil }, cause: "unknown authority"},
		"another host": {settings: func() (*tls.Config, error) { return &tls.Config{RootCAs: pool, ServerName: "other.test"}, nil }, cause: "certificate for another host than other.test"},
		"no settings":  {settings: func() (*tls.Config, error) { return nil, missing }, is: missing},
	} {
		_, err := d.DialTLS(t.Context(), "example.com:443", row.settings)
		if _, ok := errors.AsType[HandshakeError](err); !ok || Unmade(err) != row.cause || row.is != nil && !errors.Is(err, row.is) {
			t.Errorf("%s: %v, known as %q", name, err, Unmade(err))
		}
	}
}

// An old server is refused, and one that says nothing is given up in time.
func TestDialTLSGivesUp(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(nil)
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	s.StartTLS()
	t.Cleanup(s.Close)
	d := New(Options{AllowLoopback: true})
	_, err := d.DialTLS(t.Context(), s.Listener.Addr().String(), func() (*tls.Config, error) {
		return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}, nil
	})
	if _, ok := errors.AsType[HandshakeError](err); !ok {
		t.Errorf("TLS 1.1: %v", err)
	}
	if _, err := d.DialTLS(t.Context(), "127.0.0.1:1", nil); Unmade(err) != "connection refused" || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused: %v, known as %q", err, Unmade(err))
	}
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _ = theirs.Close() }()
		err := secure(t.Context(), tls.Client(ours, &tls.Config{InsecureSkipVerify: true}))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a silent server: %v", err)
		}
	})
}

func TestPort(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{"http://a": "80", "https://a": "443", "https://a:8443/x": "8443", "http://[::1]:1": "1"} {
		u, err := url.Parse(raw)
		if err != nil || Port(u) != want {
			t.Errorf("%s: %s, %v", raw, Port(u), err)
		}
	}
}

// Names are looked up again; addresses, and what a flag leads elsewhere, are not.
func TestMoves(t *testing.T) {
	t.Parallel()
	d := New(Options{})
	for host, want := range map[string]bool{"api.example.com": true, "10.0.0.1": false, "::1": false, "": false} {
		if d.Moves(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
	if New(Options{Resolve: map[string]string{"a:1": "b:1"}}).Moves("api.example.com") {
		t.Error("what a flag resolves is looked up again")
	}
}
