package trace_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/selfsigned"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/collector"
	"github.com/fanout-operator/fanout/internal/trace"
)

// exporting starts an exporter to an endpoint.
func exporting(t *testing.T, endpoint, protocol string, modify ...func(*trace.Options)) (*trace.Exporter, *testkit.Log) {
	t.Helper()
	log := &testkit.Log{}
	o := trace.Options{
		Config: &routeconfig.Tracing{Endpoint: endpoint, Protocol: protocol}, Namespace: "shop", Route: "orders",
		Dialer: dial.New(dial.Options{AllowLoopback: true}), Log: slog.New(slog.NewJSONHandler(log, nil)),
	}
	for _, m := range modify {
		m(&o)
	}
	e, err := trace.New(o)
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	return e, log
}

// hedged is a call with a hedge and a shadow, in a trace of its caller.
func hedged(begun time.Time) *trace.Call {
	at := func(ms int) time.Time { return begun.Add(time.Duration(ms) * time.Millisecond) }
	id := func(n byte) fanout.AttemptID { return fanout.AttemptID{0, 0, 0, 0, 0, 0, 0, n} }
	c := &trace.Call{
		Context: trace.Of(http.Header{trace.Parent: {parent}}), State: "vendor=1", Self: trace.SpanID{7: 9},
		Start: begun, End: at(30), Method: "POST", Rule: "/orders", Major: 1, Minor: 1, Status: 502, Outcome: "failed",
		Backends: []trace.Backend{{Name: "one", Host: "one.example.com", Port: 443}, {Name: "two", Host: "::1", Port: 8080, Method: "PUT"}},
		Shadows:  []trace.Backend{{Name: "dark", Host: "dark.example.com", Port: 80}},
	}
	c.Seen = fanout.Recorded{
		Arrived: begun, Decided: fanout.Decision{At: at(25), Decider: fanout.ByAnswer, By: 1},
		Backends: []fanout.RecordedLane{
			{Ended: at(22), Outcome: fanout.Succeeded, Status: 200, Attempts: []fanout.RecordedAttempt{
				{ID: id(1), Kind: fanout.First, Begun: at(1), Ended: at(22), Fate: fanout.FateLost},
				{ID: id(2), Kind: fanout.Hedge, Begun: at(11), Ended: at(21), Fate: fanout.FateWon, Status: 200},
			}},
			{Ended: at(25), Outcome: fanout.Failed, Reason: fanout.Status, Status: 503, Attempts: []fanout.RecordedAttempt{
				{ID: id(3), Kind: fanout.First, Begun: at(1), Ended: at(5), Fate: fanout.FateFailed, Reason: fanout.Connect},
				{ID: id(4), Kind: fanout.Retry, Begun: at(6), Ended: at(25), Fate: fanout.FateFailed, Reason: fanout.Status, Status: 503},
			}},
		},
		Shadows: []fanout.RecordedLane{{Ended: at(40), Outcome: fanout.Succeeded, Attempts: []fanout.RecordedAttempt{
			{ID: id(5), Begun: at(1), Ended: at(40), Fate: fanout.FateWon, Status: 200},
		}}},
	}
	return c
}

// Both protocols bring the same spans, with what the semantic conventions say of them.
func TestSpansOfACall(t *testing.T) {
	t.Parallel()
	begun := time.Unix(1_800_000_000, 0)
	for protocol, start := range map[string]func(testing.TB) *collector.Collector{"HTTP": collector.HTTP, "GRPC": collector.GRPC} {
		c := start(t)
		e, log := exporting(t, c.URL, protocol)
		e.Add(hedged(begun))
		e.Close()
		if got := e.Counts(); got != (trace.Counts{Exported: 6}) {
			t.Errorf("%s: counts are %+v\n%s", protocol, got, log)
		}
		if diff := cmp.Diff(strings.TrimSpace(wanted), strings.TrimSpace(drawn(c.Spans(), begun))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", protocol, diff)
		}
		for _, s := range c.Spans() {
			if of := s.Resource; of["service.name"] != "orders" || of["service.namespace"] != "shop" || len(of["service.instance.id"]) != 32 {
				t.Errorf("%s: a span is of %v", protocol, of)
			}
		}
	}
}

// A collector proves by its certificate that it is the one that the route names: by one of a public
// authority, or of the route's own and then of no other.
func TestCollectorsProveWhoTheyAre(t *testing.T) {
	t.Parallel()
	for protocol, start := range map[string]func(testing.TB) *collector.Collector{"HTTP": collector.HTTPS, "GRPC": collector.GRPCS} {
		c := start(t)
		secrets := testkit.NewSecrets(t)
		other, err := selfsigned.New("127.0.0.1", time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		secrets.Mount("shop", "own", map[string]string{"ca.crt": c.Authority})
		secrets.Mount("shop", "other", map[string]string{"ca.crt": string(other.PEM)})
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		for _, row := range []struct {
			authorities, why string
			want             trace.Counts
		}{
			{"", "unknown authority", trace.Counts{Failures: 1, Failed: 6}},
			{"other", "unknown authority", trace.Counts{Failures: 1, Failed: 6}},
			{"none", "not answered: credential", trace.Counts{Failures: 1, Failed: 6}},
			{"own", "", trace.Counts{Exported: 6}},
		} {
			e, log := exporting(t, c.URL, protocol, func(o *trace.Options) {
				if row.authorities != "" {
					o.Authorities = store.Authorities("shop", row.authorities)
				}
			})
			e.Add(hedged(time.Now()))
			e.Close()
			if got := e.Counts(); got != row.want || !strings.Contains(log.String(), row.why) {
				t.Errorf("%s by the authorities %q: counts are %+v\n%s", protocol, row.authorities, got, log)
			}
		}
		if n := c.Asked(); n != 1 {
			t.Errorf("%s: it was asked %d times", protocol, n)
		}
	}
}

const wanted = `
0000000000000009 of 00f067aa0ba902b7 SERVER "POST /orders" 0 to 30 ERROR
  http.request.method=POST url.scheme=http network.protocol.version=1.1 fanout.outcome=failed http.route=/orders http.response.status_code=502 fanout.decided.by=answer error.type=502
  at 22 fanout.answer fanout.backend=one fanout.outcome=succeeded fanout.attempts=2 http.response.status_code=200
  at 25 fanout.answer fanout.backend=two fanout.outcome=failed fanout.attempts=2 fanout.reason=status http.response.status_code=503
0000000000000001 of 0000000000000009 CLIENT "POST one" 1 to 22 UNSET
  http.request.method=POST server.address=one.example.com server.port=443 fanout.backend=one fanout.attempt=first fanout.outcome=lost
0000000000000002 of 0000000000000009 CLIENT "POST one" 11 to 21 UNSET
  http.request.method=POST server.address=one.example.com server.port=443 fanout.backend=one fanout.attempt=hedge fanout.outcome=won http.request.resend_count=1 http.response.status_code=200
  links 0000000000000001 fanout.link=hedge
0000000000000003 of 0000000000000009 CLIENT "PUT two" 1 to 5 ERROR
  http.request.method=PUT server.address=::1 server.port=8080 fanout.backend=two fanout.attempt=first fanout.outcome=failed fanout.reason=connect error.type=connect
0000000000000004 of 0000000000000009 CLIENT "PUT two" 6 to 25 ERROR
  http.request.method=PUT server.address=::1 server.port=8080 fanout.backend=two fanout.attempt=retry fanout.outcome=failed http.request.resend_count=1 http.response.status_code=503 fanout.reason=status error.type=503
  links 0000000000000003 fanout.link=retry
0000000000000005 of 0000000000000009 CLIENT "POST dark" 1 to 40 UNSET
  http.request.method=POST server.address=dark.example.com server.port=80 fanout.backend=dark fanout.attempt=first fanout.outcome=won fanout.shadow=true http.response.status_code=200
`

// drawn writes spans of one trace, with times in milliseconds since a beginning.
func drawn(spans []collector.Span, begun time.Time) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Draw(begun))
	}
	return b.String()
}

// Spans are of the trace of the caller, whose state they keep; without a caller they have
// neither parent nor state.
func TestSpansOfATrace(t *testing.T) {
	t.Parallel()
	c := collector.HTTP(t)
	e, _ := exporting(t, c.URL, "HTTP")
	called := hedged(time.Now())
	called.Flags = 3
	e.Add(called)
	own, _ := trace.Begin(http.Header{}, 100)
	e.Add(&trace.Call{Context: own, Self: trace.NewSpan(), Start: time.Now(), End: time.Now(), Method: "BREW", Outcome: trace.Refused, Status: 405})
	e.Close()
	spans := c.Spans()
	for _, s := range spans[:len(spans)-1] {
		if string(s.TraceId) != string(called.Trace[:]) || s.TraceState != "vendor=1" || s.Flags != 3 {
			t.Errorf("a span is of %x %q %x", s.TraceId, s.TraceState, s.Flags)
		}
	}
	if last := spans[len(spans)-1]; string(last.TraceId) != string(own.Trace[:]) || len(last.ParentSpanId) > 0 || last.TraceState != "" ||
		last.Name != "HTTP" || last.Attribute("http.request.method") != "_OTHER" || last.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("the span without a caller is %v", last.Span)
	}
}

// What a collector says decides whether it is asked again, and what is told is in words of
// ours.
func TestWhatCollectorsSay(t *testing.T) {
	t.Parallel()
	http1 := func(code int, fields ...string) func(*collector.Collector) {
		return func(c *collector.Collector) {
			c.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
				for i := 0; i+1 < len(fields); i += 2 {
					w.Header().Set(fields[i], fields[i+1])
				}
				w.WriteHeader(code)
				_, _ = w.Write([]byte("foreign"))
				return true
			})
		}
	}
	grpc := func(code codes.Code) func(*collector.Collector) {
		return func(c *collector.Collector) {
			c.Judge(func(context.Context) (*collectorpb.ExportTraceServiceResponse, error) {
				return nil, status.Error(code, "foreign")
			})
		}
	}
	for name, row := range map[string]struct {
		protocol string
		says     func(*collector.Collector)
		counts   trace.Counts
		log      string
	}{
		"400":             {"HTTP", http1(400), trace.Counts{Failed: 6, Failures: 1}, "the collector answers with status 400"},
		"a redirect":      {"HTTP", http1(307, "Location", "/elsewhere"), trace.Counts{Failed: 6, Failures: 1}, "the collector answers with status 307"},
		"401":             {"HTTP", http1(401), trace.Counts{Failed: 6, Failures: 1}, "the collector answers with status 401"},
		"503":             {"HTTP", http1(503), trace.Counts{Failed: 6, Failures: 1}, "the collector answers with status 503"}, // it is being closed
		"InvalidArgument": {"GRPC", grpc(codes.InvalidArgument), trace.Counts{Failed: 6, Failures: 1}, "the collector answers with gRPC status 3"},
		"Unavailable":     {"GRPC", grpc(codes.Unavailable), trace.Counts{Failed: 6, Failures: 1}, "the collector answers with gRPC status 14"},
		"partly": {"GRPC", func(c *collector.Collector) {
			c.Judge(func(context.Context) (*collectorpb.ExportTraceServiceResponse, error) {
				return &collectorpb.ExportTraceServiceResponse{PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: 2, ErrorMessage: "foreign"}}, nil
			})
		}, trace.Counts{Exported: 4, Rejected: 2}, ""},
	} {
		start := collector.HTTP
		if row.protocol == "GRPC" {
			start = collector.GRPC
		}
		c := start(t)
		row.says(c)
		e, log := exporting(t, c.URL, row.protocol)
		e.Add(hedged(time.Now()))
		e.Close()
		if got := e.Counts(); got != row.counts || c.Asked() != 1 {
			t.Errorf("%s: %+v after %d requests, want %+v", name, got, c.Asked(), row.counts)
		}
		lines := log.Lines(t, "spans are not exported")
		if row.log == "" && len(lines) == 0 {
			continue
		}
		if len(lines) != 1 || lines[0]["reason"] != row.log || strings.Contains(log.String(), "foreign") {
			t.Errorf("%s: the log is %s", name, log)
		}
	}
}

// A collector that nobody may reach, that is none, or that is not there.
func TestCollectorsThatCannotBeReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	plain := collector.HTTP(t)
	for name, row := range map[string]struct {
		endpoint, protocol string
		dialer             *dial.Dialer
		log                string
	}{
		"nobody listens":            {closed, "HTTP", nil, "the collector has not answered: connect (connection refused)"},
		"nobody listens, by gRPC":   {closed, "GRPC", nil, "the collector has not answered: connect (connection refused)"},
		"a forbidden address":       {plain.URL, "HTTP", dial.New(dial.Options{}), "the collector has not answered: forbiddenAddress (an address within 127.0.0.0/8)"},
		"plain, though TLS is said": {strings.Replace(plain.URL, "http:", "https:", 1), "HTTP", nil, "the collector has not answered: tls (the server does not speak TLS)"},
	} {
		e, log := exporting(t, row.endpoint, row.protocol, func(o *trace.Options) {
			if row.dialer != nil {
				o.Dialer = row.dialer
			}
		})
		e.Add(hedged(time.Now()))
		e.Close()
		if lines := log.Lines(t, "spans are not exported"); len(lines) != 1 || lines[0]["reason"] != row.log {
			t.Errorf("%s: the log is %s", name, log)
		}
	}
	if plain.Asked() != 0 {
		t.Errorf("a forbidden collector was asked %d times", plain.Asked())
	}
}

// The fields of the Secret are shown, those of now, and only where the Secret lets them be.
func TestFieldsForTheCollector(t *testing.T) {
	t.Parallel()
	for protocol, start := range map[string]func(testing.TB) *collector.Collector{"HTTP": collector.HTTP, "GRPC": collector.GRPC} {
		c := start(t)
		secrets := testkit.NewSecrets(t)
		mount := func(store *creds.Store, keys map[string]string) {
			secrets.Mount("shop", "otlp", keys)
			store.Reload([]string{"."})
		}
		store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
		headers := store.Headers("shop", "otlp")
		for i, row := range []struct {
			keys map[string]string
			want string // of the field; empty where nothing may be sent
			log  string
		}{
			{map[string]string{"Authorization": "Bearer one", "x-scope": "a"}, "Bearer one", ""},
			{map[string]string{"Authorization": "Bearer two", "allowedHosts": "127.0.0.1"}, "Bearer two", ""},
			{map[string]string{"Authorization": "Bearer three", "allowedHosts": "otlp.example.com"}, "", `Secret "otlp": allowedHosts does not cover 127.0.0.1:`},
		} {
			mount(store, row.keys)
			before := c.Asked()
			e, log := exporting(t, c.URL, protocol, func(o *trace.Options) { o.Headers = headers })
			e.Add(hedged(time.Now()))
			e.Close()
			_, fields := c.Texts()
			if row.want == "" {
				if reason := log.Lines(t, "spans are not exported")[0]["reason"].(string); c.Asked() != before || !strings.Contains(reason, row.log) {
					t.Errorf("%s %d: %d requests, and the log says %q", protocol, i, c.Asked()-before, reason)
				}
				continue
			}
			if got := values(fields[len(fields)-1], "authorization"); !slices.Equal(got, []string{row.want}) {
				t.Errorf("%s %d: the collector was shown %q, want %q\n%s", protocol, i, got, row.want, log)
			}
		}
	}
}

func values(fields map[string][]string, name string) []string {
	for field, list := range fields {
		if strings.EqualFold(field, name) {
			return list
		}
	}
	return nil
}

// A collector that never answers is let go of at the end.
func TestACollectorThatHangsIsLetGoOf(t *testing.T) {
	t.Parallel()
	c := collector.HTTP(t)
	release := make(chan struct{})
	defer close(release)
	c.Answer(func(http.ResponseWriter, *http.Request) bool { <-release; return false })
	e, _ := exporting(t, c.URL, "HTTP")
	e.Add(hedged(time.Now()))
	begun := time.Now()
	e.Close()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it was closed after %v", took)
	}
	if got := e.Counts(); got.Failed != 6 || got.Exported != 0 {
		t.Errorf("counts are %+v", got)
	}
}
