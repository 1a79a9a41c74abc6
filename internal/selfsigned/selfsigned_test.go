package selfsigned_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/selfsigned"
)

const name = "injector.fanout-system.svc"

func issue(t *testing.T, now time.Time, life time.Duration) *selfsigned.Certificate {
	t.Helper()
	c, err := selfsigned.New(name, now, life)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClientsThatTrustTheBundleGetThrough(t *testing.T) {
	t.Parallel()
	now := time.Now()
	mine, other := issue(t, now, time.Hour), issue(t, now, time.Hour)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{mine.TLS}, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
	for _, row := range []struct {
		trusted    []byte
		serverName string
		want       bool
	}{
		{selfsigned.Bundle(nil, now, other.PEM, mine.PEM), name, true},
		{selfsigned.Bundle(nil, now, other.PEM), name, false},
		{selfsigned.Bundle(nil, now, mine.PEM), "else.fanout-system.svc", false},
	} {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(row.trusted)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: row.serverName, MinVersion: tls.VersionTLS12}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		transport.CloseIdleConnections()
		if (err == nil) != row.want {
			t.Errorf("as %s: %v, want through: %v", row.serverName, err, row.want)
		}
	}
}

func TestBundleDropsWhatHasEnded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	old, live := issue(t, now.Add(-2*time.Hour), time.Hour), issue(t, now, time.Hour)
	bundle := selfsigned.Bundle(append([]byte("no PEM\n"), old.PEM...), now, live.PEM, live.PEM)
	if !bytes.Equal(bundle, live.PEM) {
		t.Errorf("bundle is\n%s\nwant the live one alone\n%s", bundle, live.PEM)
	}
	if again := selfsigned.Bundle(bundle, now, live.PEM); !bytes.Equal(again, bundle) {
		t.Error("the same bundle is not the same bytes")
	}
}
