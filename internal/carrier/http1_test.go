package carrier_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit/nethttp"
)

// asked counts what a Keeper is asked.
type asked struct {
	carrier.Keeper

	times int
}

// RoundTrip implements http.RoundTripper.
func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.times++
	return a.Keeper.RoundTrip(r)
}

// All that is HTTP/1.1 goes one way, which tests put another transport in: without TLS, with TLS
// where the document says so, and where TLS agrees on it. HTTP/2 never does.
func TestHTTP1GoesOneWay(t *testing.T) {
	t.Parallel()
	nothing := func(*httptest.Server) {}
	for name, row := range map[string]struct {
		scheme, protocol string
		offered          []string
		times            int
	}{
		"without TLS":               {"http", routeconfig.ProtocolAuto, nil, 2},
		"TLS, by the document":      {"https", routeconfig.ProtocolHTTP1, []string{"h2", "http/1.1"}, 2},
		"TLS that agrees on it":     {"https", routeconfig.ProtocolAuto, []string{"http/1.1"}, 2},
		"TLS that agrees on HTTP/2": {"https", routeconfig.ProtocolAuto, []string{"h2", "http/1.1"}, 0},
	} {
		var s *httptest.Server
		var secure carrier.Settings
		if row.scheme == "http" {
			s = httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(s.Close)
		} else {
			s = newServer(t, nothing, row.offered...)
			secure = trusting(s)
		}
		var keepers []*asked
		c := carrier.New(carrier.Options{
			Base: &url.URL{Scheme: row.scheme, Host: s.Listener.Addr().String()}, Dialer: dial.New(dial.Options{AllowLoopback: true}), Protocol: row.protocol, Secure: secure,
			HTTP1: func(o h1.Options) carrier.Keeper {
				keepers = append(keepers, &asked{Keeper: nethttp.New(o)})
				return keepers[len(keepers)-1]
			},
		})
		t.Cleanup(c.Close)
		for range 2 {
			if _, err := get(t.Context(), c); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		times := 0
		for _, k := range keepers {
			times += k.times
		}
		if times != row.times {
			t.Errorf("%s: asked %d times over HTTP/1.1, want %d", name, times, row.times)
		}
	}
}
