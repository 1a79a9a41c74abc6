package jwt

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// An issuer's keys are fetched from where it says, and from nowhere else.
func TestFetching(t *testing.T) {
	t.Parallel()
	ed := newEd(t, "ed")
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere++
		_, _ = w.Write(setOf(t, ed.published(t, nil)))
	}))
	t.Cleanup(other.Close)
	answer := func(status int, body string, fields ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(fields); i += 2 {
				w.Header().Set(fields[i], fields[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	keys := answer(200, string(setOf(t, ed.published(t, nil))))
	configured := func(issuer, uri string) string {
		raw, _ := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": uri})
		return string(raw)
	}
	for name, row := range map[string]struct {
		// discovery says %s for the issuer's own address; empty where the route says where keys are.
		discovery string
		keys      http.HandlerFunc
		want      string
	}{
		"keys at their place":            {"", keys, ""},
		"keys by discovery":              {configured("%s", "%s/keys"), keys, ""},
		"more in the configuration":      {`{"issuer":"%s","jwks_uri":"%s/keys","x":{"y":[1]}}`, keys, ""},
		"another issuer":                 {configured("%s/", "%s/keys"), keys, "discovery: the answer is of another issuer than the route names"},
		"no issuer":                      {`{"jwks_uri":"%s/keys","x":"%s"}`, keys, "discovery: the answer is of another issuer than the route names"},
		"no configuration":               {"<html>%s%s", keys, "discovery: the answer is no configuration of an issuer"},
		"no place of keys":               {`{"issuer":"%s","x":"%s"}`, keys, "discovery: the answer is no configuration of an issuer"},
		"keys elsewhere, in the clear":   {`{"issuer":"%s","jwks_uri":"` + other.URL + `","x":"%s"}`, keys, "discovery: jwks_uri is not https, or within the cluster and on another host than the issuer"},
		"keys in the cluster":            {`{"issuer":"%s","jwks_uri":"https://api.lab.svc/","x":"%s"}`, keys, "discovery: jwks_uri is not https, or within the cluster and on another host than the issuer"},
		"keys in the cluster, in full":   {`{"issuer":"%s","jwks_uri":"https://api.lab.SVC.cluster.local./","x":"%s"}`, keys, "discovery: jwks_uri is not https, or within the cluster and on another host than the issuer"},
		"keys of a Service's name":       {`{"issuer":"%s","jwks_uri":"https://api/","x":"%s"}`, keys, "discovery: jwks_uri is not https, or within the cluster and on another host than the issuer"},
		"keys at an address":             {`{"issuer":"%s","jwks_uri":"https://169.254.169.254/","x":"%s"}`, keys, "discovery: jwks_uri is not https, or within the cluster and on another host than the issuer"},
		"keys of a Pod":                  {`{"issuer":"%s","jwks_uri":"https://10-0-0-1.lab.Pod.cluster.local/","x":"%s"}`, keys, "discovery: jwks_uri is not https, or within the cluster and on another host than the issuer"},
		"keys at an address with a zone": {`{"issuer":"%s","jwks_uri":"https://[::ffff:10.0.0.1%%2525eth0]/","x":"%s"}`, keys, "discovery: jwks_uri is not https, or within the cluster and on another host than the issuer"},
		"keys at a port":                 {`{"issuer":"%s","jwks_uri":"https://:443/","x":"%s"}`, keys, "discovery: the answer is no configuration of an issuer"},
		"keys in a file":                 {`{"issuer":"%s","jwks_uri":"file:///etc/passwd","x":"%s"}`, keys, "discovery: the answer is no configuration of an issuer"},
		"keys with a user":               {`{"issuer":"%s","jwks_uri":"https://a@b.example/","x":"%s"}`, keys, "discovery: the answer is no configuration of an issuer"},
		"a redirect":                     {"", answer(302, "", "Location", other.URL), "keys: the issuer answered 302: redirects are not followed"},
		"a redirect with the keys":       {"", answer(307, string(setOf(t)), "Location", other.URL), "keys: the issuer answered 307: redirects are not followed"},
		"an error":                       {"", answer(503, "secret words"), "keys: the issuer answered 503"},
		"another success":                {"", answer(204, ""), "keys: the issuer answered 204"},
		"HTML":                           {"", answer(200, "<html>"), "keys: it is no JWK Set (RFC 7517, section 5)"},
		"more than there is room for":    {"", answer(200, `{"keys":[],"x":"`+strings.Repeat("x", maxAnswer)+`"}`), "keys: the issuer answered with more than 1 MiB"},
		"an answer that breaks off":      {"", answer(200, "{", "Content-Length", "9"), "keys: the issuer cannot be asked"},
		"gzip that nobody has asked of":  {"", answer(200, "{}", "Content-Encoding", "gzip"), "keys: the issuer cannot be asked"},
	} {
		mux := http.NewServeMux()
		mux.Handle("/keys", row.keys)
		server := httptest.NewServer(mux)
		mux.HandleFunc("/tenant"+discovery, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, row.discovery, server.URL+"/tenant", server.URL)
		})
		c := config(func(c *routeconfig.CallerJWT) {
			c.JWKSURI = server.URL + "/keys"
			if row.discovery != "" {
				c.JWKSURI, c.Issuer = "", server.URL+"/tenant"
			}
		})
		got := ""
		found, err := newFetcher(&Options{Config: c, Dialer: dial.New(dial.Options{AllowLoopback: true})}).fetch(t.Context())
		if err != nil {
			got = err.Error()
		}
		if got != row.want || (err == nil) != (found != nil && len(found.keys) == 1) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
		server.Close()
	}
	if elsewhere != 0 {
		t.Errorf("%d requests went elsewhere", elsewhere)
	}
}

// The issuer's address is judged like every other, and why it cannot be asked is said in words
// of ours.
func TestIssuersThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	for name, row := range map[string]struct {
		uri  string
		dial dial.Options
		want string
	}{
		"loopback":        {silent.URL, dial.Options{}, "keys: the issuer's address may not be dialled (forbiddenAddress)"},
		"metadata":        {"http://[::ffff:169.254.169.254]/", dial.Options{AllowLoopback: true}, "keys: the issuer's address may not be dialled (forbiddenAddress)"},
		"nobody there":    {closed.URL, dial.Options{AllowLoopback: true}, "keys: the issuer cannot be asked: connection refused"},
		"a foreign paper": {secure.URL, dial.Options{AllowLoopback: true}, "keys: the issuer cannot be asked: unknown authority"},
		"no TLS":          {strings.Replace(silent.URL, "http:", "https:", 1), dial.Options{AllowLoopback: true}, "keys: the issuer cannot be asked: the server does not speak TLS"},
		"no address":      {"http://a b/", dial.Options{}, "keys: the address cannot be read"},
	} {
		c := config(func(c *routeconfig.CallerJWT) { c.JWKSURI = row.uri })
		_, err := newFetcher(&Options{Config: c, Dialer: dial.New(row.dial)}).fetch(t.Context())
		if err == nil || err.Error() != row.want {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
	c := config(func(c *routeconfig.CallerJWT) { c.JWKSURI = silent.URL })
	begun := time.Now()
	_, err := newFetcher(&Options{Config: c, Dialer: dial.New(dial.Options{AllowLoopback: true})}).fetch(t.Context())
	if err == nil || err.Error() != "keys: the issuer has not answered in time" || time.Since(begun) < fetchTimeout {
		t.Errorf("a silent one: %v", err)
	}
}
