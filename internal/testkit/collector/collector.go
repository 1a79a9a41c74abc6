// Package collector receives spans in the process of a test, over HTTP and gRPC, as a collector
// of OpenTelemetry does.
package collector

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Span is one that was received, with what it is of.
type Span struct {
	*tracepb.Span

	Resource map[string]string
}

// Attribute is the value of one, nil without it.
func (s *Span) Attribute(key string) any { return attribute(s.Attributes, key) }

func attribute(list []*commonpb.KeyValue, key string) any {
	i := slices.IndexFunc(list, func(a *commonpb.KeyValue) bool { return a.Key == key })
	if i < 0 {
		return nil
	}
	switch v := list[i].Value.Value.(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	}
	return list[i].Value.String()
}

// Collector keeps what it is sent.
type Collector struct {
	collectorpb.UnimplementedTraceServiceServer

	// URL is that of tracing.otlpEndpoint.
	URL string
	// Authority is that of its certificate in PEM, where it has one.
	Authority string

	mu       sync.Mutex
	spans    []Span
	texts    []string // spans as text
	fields   []map[string][]string
	asked    int
	answer   func(http.ResponseWriter, *http.Request) bool
	judgment func(context.Context) (*collectorpb.ExportTraceServiceResponse, error)
}

// HTTP starts one that speaks OTLP over HTTP until the end of the test.
func HTTP(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// HTTPS starts one like HTTP, with a certificate of an authority of its own.
func HTTPS(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewTLSServer(c)
	t.Cleanup(server.Close)
	c.URL, c.Authority = server.URL, authority(server)
	return c
}

func authority(of *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: of.Certificate().Raw}))
}

// GRPC starts one that speaks OTLP over gRPC until the end of the test.
func GRPC(t testing.TB) *Collector {
	t.Helper()
	return overGRPC(t, "http")
}

// GRPCS starts one like GRPC, with a certificate of an authority of its own.
func GRPCS(t testing.TB) *Collector {
	t.Helper()
	keeper := httptest.NewTLSServer(http.NotFoundHandler()) // it makes certificates, and is not asked
	t.Cleanup(keeper.Close)
	c := overGRPC(t, "https", grpc.Creds(credentials.NewServerTLSFromCert(&keeper.TLS.Certificates[0])))
	c.Authority = authority(keeper)
	return c
}

func overGRPC(t testing.TB, scheme string, options ...grpc.ServerOption) *Collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Collector{URL: scheme + "://" + l.Addr().String()}
	server := grpc.NewServer(options...)
	collectorpb.RegisterTraceServiceServer(server, c)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		server.Stop()
		running.Wait()
	})
	return c
}

// Answer lets a function answer over HTTP where it returns true.
func (c *Collector) Answer(answer func(http.ResponseWriter, *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// Judge lets a function answer over gRPC, where it returns something.
func (c *Collector) Judge(judge func(context.Context) (*collectorpb.ExportTraceServiceResponse, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judgment = judge
}

// ServeHTTP implements http.Handler.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := c.hear(r.Header)
	if answer != nil && answer(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	request := &collectorpb.ExportTraceServiceRequest{}
	if err != nil || proto.Unmarshal(body, request) != nil || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.keep(request)
	encoded, _ := proto.Marshal(&collectorpb.ExportTraceServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(encoded)
}

// Export implements the service of OTLP.
func (c *Collector) Export(ctx context.Context, request *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	fields, _ := metadata.FromIncomingContext(ctx)
	c.hear(fields)
	c.mu.Lock()
	judge := c.judgment
	c.mu.Unlock()
	if judge != nil {
		if response, err := judge(ctx); response != nil || err != nil {
			return response, err
		}
	}
	c.keep(request)
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func (c *Collector) hear(fields map[string][]string) func(http.ResponseWriter, *http.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	c.fields = append(c.fields, fields)
	return c.answer
}

func (c *Collector) keep(request *collectorpb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, request.String())
	for _, of := range request.ResourceSpans {
		resource := map[string]string{}
		for _, a := range of.Resource.Attributes {
			resource[a.Key] = a.Value.GetStringValue()
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{s, resource})
			}
		}
	}
}

// Asked is how many requests came.
func (c *Collector) Asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// Spans are those received so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Texts are the requests as text, and Fields what they carried.
func (c *Collector) Texts() (texts []string, fields []map[string][]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.texts), slices.Clone(c.fields)
}

// Draw writes a span in some lines, with times in milliseconds since a beginning.
func (s *Span) Draw(begun time.Time) string {
	at := func(nanos uint64) int64 { return (int64(nanos) - begun.UnixNano()) / int64(time.Millisecond) }
	list := func(attributes []*commonpb.KeyValue) string {
		var words []string
		for _, a := range attributes {
			words = append(words, fmt.Sprintf("%s=%v", a.Key, attribute(attributes, a.Key)))
		}
		return strings.Join(words, " ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%x of %x %s %q %d to %d %s\n  %s\n", s.SpanId, s.ParentSpanId, strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"), s.Name,
		at(s.StartTimeUnixNano), at(s.EndTimeUnixNano), strings.TrimPrefix(s.Status.GetCode().String(), "STATUS_CODE_"), list(s.Attributes))
	for _, e := range s.Events {
		fmt.Fprintf(&b, "  at %d %s %s\n", at(e.TimeUnixNano), e.Name, list(e.Attributes))
	}
	for _, l := range s.Links {
		fmt.Fprintf(&b, "  links %x %s\n", l.SpanId, list(l.Attributes))
	}
	return b.String()
}
