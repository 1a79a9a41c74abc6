package guard_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/canary"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// No secret stands anywhere but where it is sent: each key of each Secret that a route may
// read has a value of its own, everything that a proxy can do is done, whoever is told a
// secret repeats it in whatever it answers, and then all that can be read is searched. A
// response's body is a backend's own where it is 200: here no such body repeats anything.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	for name, modes := range map[string][]string{
		"well at first": {"well", "echo 500", "cut", "unfit", "gone", "well"},
		"ill at first":  {"echo 200", "echo 302", "echo 400", "echo 401", "echo 403", "echo 429", "echo 500", "cut", "no HTTP", "odd fields", "unfit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			shown := w.live(modes)
			shown.search(t, w.planted())
		})
	}
}

// live takes a proxy through modes, each with Secrets of its own, and returns all that is shown.
func (w *world) live(modes []string) surfaces {
	w.t.Helper()
	secrets, log, shown := testkit.NewSecrets(w.t), &testkit.Log{}, surfaces{}
	panics := &panicking{Handler: slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})}
	var p *proxytest.Proxy
	for i, mode := range modes {
		w.turn(mode)
		w.plant(w.route)
		switch mode {
		case "unfit":
			w.spoil()
		case "gone":
			w.wither()
		}
		w.mount(secrets)
		if p == nil {
			p = proxytest.ServeWith(w.t, secrets, proxy.Options{Log: slog.New(panics)}, *w.route)
		}
		p.ReloadCredentials([]string{"."})
		calls := "/calls?route=" + w.route.Namespace + "/" + w.route.Name
		p.Ask(calls) // calls are kept for whoever looks
		w.callAll(p, shown)
		panics.next.Store(true)
		w.callAll(p, shown)
		for _, page := range []string{"/metrics", "/status", calls, "/readyz", "/livez"} {
			shown.add(page, p.Ask(page).Body)
		}
		dump := make([]byte, 8<<20)
		shown.add("goroutines", string(dump[:runtime.Stack(dump, true)]))
		if i == 0 && mode == "well" {
			if told := p.Ask(calls).Body; !strings.Contains(told, `"fate":"won"`) {
				w.t.Errorf("no call is told: %s", told)
			}
			testkit.Eventually(w.t, "spans came", func() bool { return w.traces() != "" })
			w.told()
		}
	}
	p.Stop()
	<-p.Stopped // with what waits for the collector
	shown.add("traces", w.traces())
	shown.add("log", log.String())
	if !strings.Contains(log.String(), "provoked") {
		w.t.Error("no panic was provoked")
	}
	return shown
}

// panicking is a log that panics once, in the goroutine of a call.
type panicking struct {
	slog.Handler

	next atomic.Bool
}

// Handle implements slog.Handler.
func (p *panicking) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "call" && p.next.CompareAndSwap(true, false) {
		panic("provoked")
	}
	return p.Handler.Handle(ctx, r)
}

// spoil makes every value one that cannot be used.
func (g *garden) spoil() {
	for name, keys := range g.current {
		for key := range keys {
			keys[key] = g.text(name, key, "\r\n\x00\xff")
		}
	}
}

// wither leaves the reserved keys alone, which cover no host.
func (g *garden) wither() {
	for name := range g.current {
		g.current[name] = map[string]string{"allowedHosts": g.text(name, "allowedHosts", ".example")}
	}
}

// told proves that the canaries went where they are to go: what is never sent cannot leak.
func (w *world) told() {
	w.t.Helper()
	heard := w.heard()
	for _, c := range w.planted() {
		switch c.Secret + " " + c.Key {
		case "client client_secret", "client-2 client_secret", "api-key key", "query key", "basic password", "bearer token", "shadow key", "aws aws_access_key_id", "aws aws_session_token",
			"the token endpoint token for basic", "the token endpoint token for post", "the token endpoint token for jwt", "the token endpoint token for mtls",
			"client-3 client_id", "client-4 client_id", "pair-2 tls.crt, its organization", "pair tls.crt, its organization", "store username", "store password",
			"otlp Authorization", "otlp X-Scope-OrgID":
			if len(canary.Found([]canary.Value{c}, heard)) == 0 {
				w.t.Errorf("%s of Secret %q was sent to nobody", c.Key, c.Secret)
			}
		}
	}
	for _, field := range []string{"Webhook-Signature: v1,", "X-Signature: ", "Stripe-Signature: t=", "AWS4-HMAC-SHA256", "client_assertion="} {
		if !strings.Contains(heard, field) {
			w.t.Errorf("nobody was sent %s", field)
		}
	}
}

// caller is one way to call.
type caller struct {
	name, target, body, field, value string
	certificate                      *tls.Certificate
}

// callers are those who may and those who may not, with what is theirs.
func (w *world) callers() []caller {
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("clerk:"+password))
	}
	claims := func(change ...any) string {
		c := map[string]any{"iss": w.issuer, "aud": "orders", "sub": "till", "exp": time.Now().Add(time.Hour).Unix(), "private": w.text("a caller", "claim", "")}
		for i := 0; i+1 < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		token := w.signer.Sign(c)
		signature := token[strings.LastIndex(token, ".")+1:]
		w.add(canary.Value{Secret: "a caller", Key: "token", Core: signature, Whole: signature})
		return token
	}
	right, stranger := w.authority("callers-ca").pair(w.garden, "a caller"), w.authority("strangers").pair(w.garden, "a stranger")
	theirs := func(what, form string) string { return w.text("a caller", what, form) }
	key := w.current["callers"]["till"]
	return []caller{
		{name: "key", field: "X-Api-Key", value: key},
		{name: "key, denied", target: "/denied", field: "X-Api-Key", value: key},
		{name: "wrong key", field: "X-Api-Key", value: theirs("wrong key", signs)},
		{name: "password", field: "Authorization", value: basic(w.password)},
		{name: "wrong password", field: "Authorization", value: basic(theirs("wrong password", signs))},
		{name: "token", field: "Authorization", value: "Bearer " + claims()},
		{name: "late token", field: "Authorization", value: "Bearer " + claims("exp", 1)},
		{name: "token of others", field: "Authorization", value: "Bearer " + claims("iss", theirs("issuer", ""), "aud", theirs("audience", ""))},
		{name: "no token", field: "Authorization", value: "Bearer " + theirs("no token", ".a.b")},
		{name: "token in the query", target: "/?token=" + claims("iss", "partner")},
		{name: "no token in the query", target: "/?token=" + theirs("no token in the query", "")},
		{name: "certificate", certificate: &right},
		{name: "strange certificate", certificate: &stranger},
		{name: "nobody"},
		{name: "a value of the wrong type", field: "X-Api-Key", value: key, body: fmt.Sprintf(`{"amount": %q}`, theirs("value", ""))},
		{name: "a value that no rule admits", field: "X-Api-Key", value: key, body: fmt.Sprintf(`{"amount": -1, "x": %q}`, theirs("value", ""))},
		{name: "no JSON", field: "X-Api-Key", value: key, body: theirs("body", "")},
	}
}

// callAll makes every call there is, and keeps what is answered.
func (w *world) callAll(p *proxytest.Proxy, shown surfaces) {
	w.t.Helper()
	served := 0
	for _, c := range w.callers() {
		status, text := w.call(p, &c)
		shown.add("responses", c.name+"\n"+text)
		if status == http.StatusOK {
			served++
		}
	}
	if mode := *w.mode.Load(); mode == "well" && served < 4 {
		w.t.Errorf("%d calls were served: %s", served, p.Ask("/status").Body)
	}
}

func (w *world) call(p *proxytest.Proxy, c *caller) (status int, text string) {
	w.t.Helper()
	config := &tls.Config{InsecureSkipVerify: true}
	if c.certificate != nil {
		config.Certificates = []tls.Certificate{*c.certificate}
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	target, body := c.target, c.body
	if target == "" {
		target = "/"
	}
	if body == "" {
		body = `{"amount": 1}`
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "https://"+p.Address("orders")+target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if c.field != "" {
		request.Header.Set(c.field, c.value)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err.Error() // a handshake, or a panic
	}
	defer func() { _ = response.Body.Close() }()
	head, _ := httputil.DumpResponse(response, false)
	content, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(head) + string(content)
}
