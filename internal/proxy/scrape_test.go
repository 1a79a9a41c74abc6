package proxy_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// equipped is a backend with everything that has metrics.
func equipped(name, url, tokens string) routeconfig.Backend {
	return testkit.Receiver(name, url, func(b *routeconfig.Backend) {
		b.RateLimit = &routeconfig.RateLimit{Name: name, Requests: 9, Per: testkit.Span(time.Second), Burst: 9, Shared: true, OnStoreFailure: routeconfig.StoreFailureAllow}
		b.Hedge = &routeconfig.Hedge{Delay: testkit.Span(time.Second), Max: 1, BudgetPercent: 10}
		b.CircuitBreaker = &routeconfig.CircuitBreaker{
			FailurePercent: 50, MinimumRequests: 2, Window: testkit.Span(time.Minute), OpenFor: testkit.Span(time.Hour), HalfOpenRequests: 1,
		}
		b.MaxConcurrentRequests, b.MaxQueuedRequests = 4, 2
		b.TLS = &routeconfig.TLS{CASecret: "ca", ClientCertificateSecret: "pair"}
		b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: tokens}
	})
}

// everything is a proxy with a route of so many backends and a shadow, and all that has metrics,
// after a call.
func everything(t *testing.T, backends int) *proxytest.Proxy {
	t.Helper()
	b := testkit.NewBackend(t, nil)
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	secrets := testkit.NewSecrets(t)
	pair := newPair(t, "proxy")
	secrets.Mount(testkit.Namespace, "pair", pair)
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": pair["tls.crt"]})
	secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "i", "client_secret": "s"})
	list := make([]routeconfig.Backend, backends)
	for i := range list {
		list[i] = equipped(fmt.Sprintf("b%d", i), b.URL, tokens.URL)
	}
	issuing := newIssuing(t)
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", list,
		testkit.Shadow(equipped("shadow", b.URL, tokens.URL), "Outcome"), limitsOf(routeconfig.RateLimit{Name: "few", Requests: 9}), storedAt("127.0.0.1:1"),
		func(r *routeconfig.Route) {
			issuing.trust(r)
			r.Authentication.Certificate = &routeconfig.CallerCertificate{CASecret: "ca"}
			r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: "true"}
			r.Tracing = &routeconfig.Tracing{Endpoint: b.URL, Protocol: routeconfig.TracingHTTP}
		}))
	testkit.Eventually(t, "keys are fetched", func() bool { return strings.Contains(p.Ask("/metrics").Body, "fanout_issuer_keys_age_seconds{") })
	if got := p.Do("POST", "orders", "/", "{}", "Authorization", issuing.token("till")); got.Header.Get("Fanout-Outcome") == "" {
		t.Fatalf("a call is refused: %d %s", got.Status, got.Body)
	}
	testkit.Eventually(t, "all have their token", func() bool {
		return strings.Count(p.Ask("/metrics").Body, "\nfanout_token_expiry_timestamp_seconds{") == backends+1
	})
	return p
}

// Names, units and helps are as Prometheus wants them.
func TestMetricsPassPromlint(t *testing.T) {
	t.Parallel()
	p := everything(t, 1)
	problems, err := promlint.New(strings.NewReader(p.Ask("/metrics").Body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	if bad, err := promlint.New(strings.NewReader("# TYPE fanout_bad counter\nfanout_bad 1\n")).Lint(); err != nil || len(bad) == 0 {
		t.Errorf("a counter without help and _total passes (%v)", err)
	}
}

// Series are bounded by what is configured, whoever calls: docs/operations/metrics.md says by how
// much each backend and each Secret of it adds.
func TestSeriesOfARoute(t *testing.T) {
	t.Parallel()
	count := func(text string) int { return len(regexp.MustCompile(`(?m)^fanout_`).FindAllString(text, -1)) }
	one, eight := everything(t, 1), everything(t, 8)
	few, many := count(one.Ask("/metrics").Body), count(eight.Ask("/metrics").Body)
	const (
		answers   = 17                // outcomes, reasons and attempts
		causes    = 18                // of failures without a response
		histogram = 15 + 3            // classic buckets, the infinite one, sum and count
		state     = 3 + 2 + 3 + 1 + 1 // circuit, queue, hedges, limit, token
		secrets   = 3 * (4 + 1)       // each has four reasons, and is in use since; here are three
		ends      = 2                 // of certificates
		each      = answers + causes + histogram + state + secrets + ends
	)
	if got := many - few; got != 7*each {
		t.Errorf("seven backends more are %d series more, want %d of %d each", got, 7*each, each)
	}
	const comparisons, calls, refusals, limits, rule, issuer, authority, spans, process = 4, 5 + histogram + 2, 32, 4, 1, 2, 4 + 2, 5, 11
	if base := few - 2*each; base != comparisons+calls+refusals+limits+rule+issuer+authority+spans+process {
		t.Errorf("there are %d series beside those of backends", base)
	}
	for i := range 300 { // nothing that a caller chooses makes a series
		eight.Do("POST", "orders", fmt.Sprintf("/%d?q=%d", i, i), "{}", "Authorization", fmt.Sprintf("Bearer %d", i), "X-Tenant", fmt.Sprint(i))
	}
	if got := count(eight.Ask("/metrics").Body); got != many {
		t.Errorf("after 300 calls there are %d series, there were %d", got, many)
	}
}

// A failure's series is there with 0 before it, or its first one would not be an increase.
func TestSeriesAreThereBeforeTheFirstFailure(t *testing.T) {
	t.Parallel()
	text := everything(t, 1).Ask("/metrics").Body
	for _, line := range []string{
		`fanout_answers_total{backend="b0",namespace="shop",outcome="failed",reason="tooLarge",route="orders"} 0`,
		`fanout_answers_total{backend="b0",namespace="shop",outcome="rejected",reason="circuitOpen",route="orders"} 0`,
		`fanout_calls_total{namespace="shop",outcome="refused",route="orders"} 0`,
		`fanout_documents_refused_total 0`,
		`fanout_rate_limited_calls_total{limit="few",mode="Enforce",namespace="shop",route="orders"} 0`,
		`fanout_validation_faults_total{mode="Enforce",namespace="shop",route="orders",rule="jsonSchema"} 0`,
		`fanout_shadow_comparisons_total{backend="shadow",namespace="shop",result="body",route="orders"} 0`,
		`fanout_queued_requests{backend="b0",namespace="shop",route="orders"} 0`,
		`fanout_queued_requests_limit{backend="b0",namespace="shop",route="orders"} 2`,
		`fanout_credential_missing{backend="b0",kind="Secret",name="client",namespace="shop",reason="absent",route="orders",use="client"} 0`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
}

// value returns that of a series, by the beginning of its line.
func value(t *testing.T, p *proxytest.Proxy, series string) (number float64) {
	t.Helper()
	_, rest, ok := strings.Cut(p.Ask("/metrics").Body, "\n"+series+" ")
	if _, err := fmt.Sscan(rest, &number); !ok || err != nil {
		t.Fatalf("there is no %s", series)
	}
	return number
}

// What is wrong with a Secret has one of four names, until it is right.
func TestMetricsSayWhyACredentialIsMissing(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	host := strings.TrimPrefix(b.URL, "http://")
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
		b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialAPIKey, Secret: "key", Key: "k", Header: "X-Key"}
	}))))
	for _, row := range []struct {
		keys map[string]string
		want string
	}{
		{nil, "absent"},
		{map[string]string{"other": "x"}, "key"},
		{map[string]string{"k": "a\x00b"}, "unfit"},
		{map[string]string{"k": "a", "allowedHosts": "elsewhere.test"}, "forbidden"},
		{map[string]string{"k": "a", "allowedHosts": host}, ""},
		{map[string]string{"k": ""}, "key"},
	} {
		if row.keys != nil {
			p.Secrets.Mount(testkit.Namespace, "key", row.keys)
			p.ReloadCredentials([]string{"."})
		}
		for _, reason := range []string{"absent", "key", "unfit", "forbidden"} {
			series := `fanout_credential_missing{backend="one",kind="Secret",name="key",namespace="shop",reason="` + reason + `",route="orders",use="field"}`
			if got := value(t, p, series); (got == 1) != (reason == row.want) {
				t.Errorf("of %v %s is %v", row.keys, reason, got)
			}
		}
	}
	if age := float64(time.Now().Unix()) - value(t, p, `fanout_credential_change_timestamp_seconds{backend="one",kind="Secret",name="key",namespace="shop",route="orders",use="field"}`); age < -1 || age > 60 {
		t.Errorf("the key has been in use for %v s", age)
	}
}

// Certificates and tokens say when they end.
func TestMetricsSayWhenWhatIsShownEnds(t *testing.T) {
	t.Parallel()
	p := everything(t, 1)
	for _, labels := range []string{
		`backend="b0",kind="Secret",name="pair",namespace="shop",route="orders",use="keyPair"`,
		`backend="b0",kind="Secret",name="ca",namespace="shop",route="orders",use="authorities"`,
		`backend="",kind="Secret",name="ca",namespace="shop",route="orders",use="clientAuthorities"`,
	} {
		left := value(t, p, "fanout_certificate_expiry_timestamp_seconds{"+labels+"}") - float64(time.Now().Unix())
		if left < 60 || left > 2*3600 {
			t.Errorf("%s ends in %v s, want an hour", labels, left)
		}
	}
}

// The end of a token is there once there is one.
func TestMetricsSayWhenTheTokenEnds(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, testkit.Respond(200, "application/json", "{}"))
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "client", map[string]string{"client_id": "i", "client_secret": "s"})
	p := proxytest.ServeWith(t, secrets, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL, func(b *routeconfig.Backend) {
		b.Credential = &routeconfig.Credential{Type: routeconfig.CredentialOAuth2, Secret: "client", TokenURL: tokens.URL}
	}))))
	const series = `fanout_token_expiry_timestamp_seconds{backend="one",namespace="shop",route="orders"}`
	if strings.Contains(p.Ask("/metrics").Body, series) {
		t.Error("there is an end of a token that nobody has asked for")
	}
	p.Do("GET", "orders", "/", "")
	if left := value(t, p, series) - float64(time.Now().Unix()); left < 3500 || left > 3601 {
		t.Errorf("the token ends in %v s, want 3600", left)
	}
}

// A document that is refused counts once, however often it is looked at, and the one before is
// served on.
func TestMetricsTellOfReloads(t *testing.T) {
	t.Parallel()
	b := testkit.NewBackend(t, nil)
	route := testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL)))
	p := proxytest.Serve(t, proxy.Options{}, route)
	good := proxytest.Encode(t, route)
	state := func(done, refused float64) {
		t.Helper()
		if d, r := value(t, p, "fanout_document_last_reload_successful"), value(t, p, "fanout_documents_refused_total"); d != done || r != refused {
			t.Errorf("successful is %v and refused %v, want %v and %v", d, r, done, refused)
		}
	}
	served := func() string {
		return regexp.MustCompile(`fanout_document_info\{document="(.+)"\} 1`).FindString(p.Ask("/metrics").Body)
	}
	state(1, 0)
	first := served()
	for range 3 {
		if p.Proxy.Load([]byte("{")) == nil {
			t.Fatal("half a document is taken over")
		}
	}
	state(0, 1)
	if first == "" || served() != first {
		t.Errorf("the document served was %q and is %q", first, served())
	}
	if err := p.Proxy.Load(good); err != nil {
		t.Fatal(err)
	}
	state(1, 1)
	if left := float64(time.Now().Unix()) - value(t, p, "fanout_document_last_reload_success_timestamp_seconds"); left < -1 || left > 60 {
		t.Errorf("the document was loaded %v s ago", left)
	}
	if p.Load(testkit.Route("orders", testkit.Receivers(testkit.Receiver("two", b.URL)))); served() == first {
		t.Error("another document has the hash of the one before")
	}
}

// Before there is a document, who scrapes is told.
func TestMetricsWithoutADocument(t *testing.T) {
	t.Parallel()
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", "http://127.0.0.1:1"))))
	names := map[string]bool{}
	empty := proxytest.Proxy{Proxy: proxy.New(proxy.Options{})}
	for _, name := range regexp.MustCompile(`(?m)^fanout_[a-z_]+`).FindAllString(empty.Ask("/metrics").Body, -1) {
		names[name] = true
	}
	want := []string{
		"fanout_body_memory_bytes", "fanout_body_memory_limit_bytes", "fanout_build_info", "fanout_client_connections", "fanout_client_connections_closed_total",
		"fanout_client_connections_limit", "fanout_client_connections_refused_total", "fanout_document_last_reload_successful", "fanout_documents_refused_total",
	}
	if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, want) {
		t.Errorf("without a document there are %v, want %v", got, want)
	}
	if got := value(t, p, "fanout_document_last_reload_successful"); got != 1 {
		t.Errorf("with one successful is %v", got)
	}
}
