package trace

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// maxAnswer bounds what a collector may answer, in bytes.
	maxAnswer = 64 << 10
	// grpcPath is the method of OTLP, grpcHead the size of what stands before a message.
	grpcPath = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	grpcHead = 5
)

// wire sends spans over OTLP. It implements sender.
type wire struct {
	grpc       bool
	url        *url.URL
	host, port string
	headers    *creds.Derived[*creds.Snapshot]
	carrier    *carrier.Carrier
}

func newWire(o *Options, base *url.URL) *wire {
	w := &wire{grpc: o.Config.Protocol == routeconfig.TracingGRPC, host: base.Hostname(), port: dial.Port(base), headers: o.Headers}
	to, protocol := *base, routeconfig.ProtocolAuto
	if to.Path = strings.TrimSuffix(base.Path, "/") + "/v1/traces"; w.grpc {
		to.Path, protocol = grpcPath, routeconfig.ProtocolH2C
		if base.Scheme == "https" {
			protocol = routeconfig.ProtocolAuto
		}
	}
	to.RawPath = ""
	w.url = &to
	w.carrier = carrier.New(carrier.Options{
		Base: base, Dialer: o.Dialer, Protocol: protocol, Secure: carrier.Secure(nil, o.Authorities, nil), Late: late,
	})
	return w
}

// late reports whether a request was given up because it took too long.
func late(cause error) bool { return errors.Is(cause, context.DeadlineExceeded) }

func (w *wire) close() { w.carrier.Close() }

func (w *wire) send(ctx context.Context, encoded []byte) (rejected int, err error) {
	request, err := w.request(ctx, encoded)
	if err != nil {
		return 0, err
	}
	response, err := w.carrier.RoundTrip(request)
	if err != nil {
		return 0, unheard(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, unheard(ctx, err)
	}
	if w.grpc {
		return judgeGRPC(response, body)
	}
	return judgeHTTP(response, body)
}

// unheard is why there is no answer.
func unheard(ctx context.Context, err error) *refusal {
	why := "the collector has not answered: " + carrier.Explain(err)
	if ctx.Err() != nil {
		why = "the collector has not answered within " + sendTimeout.String()
	}
	return &refusal{why: why, again: true}
}

func (w *wire) request(ctx context.Context, encoded []byte) (*http.Request, error) {
	kind := "application/x-protobuf"
	if w.grpc {
		kind = "application/grpc"
		framed := make([]byte, grpcHead, grpcHead+len(encoded))      // not compressed
		binary.BigEndian.PutUint32(framed[1:], uint32(len(encoded))) //nolint:gosec // some 100 KiB
		encoded = append(framed, encoded...)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(encoded))
	if err != nil {
		return nil, &refusal{why: errEndpoint.Error()}
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("User-Agent", "fanout-proxy")
	if w.grpc {
		r.Header.Set("Te", "trailers")
		r.Header.Set("Grpc-Timeout", strconv.FormatInt(sendTimeout.Milliseconds(), 10)+"m")
	}
	if err := w.show(r.Header); err != nil {
		return nil, err
	}
	return r, nil
}

// show adds the fields of the Secret, as they are now and where they may be sent.
func (w *wire) show(fields http.Header) error {
	if w.headers == nil {
		return nil
	}
	secret, err := w.headers.Get()
	if err != nil {
		return &refusal{why: err.Error(), again: true} // a Fault, in words of ours
	}
	if fault := w.headers.Forbids(secret, w.host, w.port); fault != nil {
		return &refusal{why: fault.Text, again: true}
	}
	for name, value := range secret.Fields() {
		fields.Set(name, value.Reveal())
	}
	return nil
}

// judgeHTTP reads an answer (OTLP, section OTLP/HTTP Response).
func judgeHTTP(r *http.Response, body []byte) (rejected int, err error) {
	switch r.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After")) // one that is a date is as good as none
		return 0, &refusal{why: answered(r.StatusCode), again: true, wait: time.Duration(min(max(seconds, 0), 3600)) * time.Second}
	}
	if r.StatusCode/100 != 2 {
		return 0, &refusal{why: answered(r.StatusCode)}
	}
	return rejectedOf(body), nil
}

func answered(status int) string { return fmt.Sprintf("the collector answers with status %d", status) }

// judgeGRPC reads an answer of gRPC over HTTP/2, whose status may stand in its head where
// there is no message.
func judgeGRPC(r *http.Response, body []byte) (rejected int, err error) {
	status := r.Trailer.Get("Grpc-Status")
	if status == "" {
		status = r.Header.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(status)
	switch {
	case r.StatusCode != http.StatusOK: // by a proxy before it
		return judgeHTTP(r, nil)
	case err != nil || r.ProtoMajor < 2:
		return 0, &refusal{why: "the collector does not answer in gRPC"}
	case code != 0:
		return 0, &refusal{why: fmt.Sprintf("the collector answers with gRPC status %d", code), again: transient(code)}
	case len(body) < grpcHead || body[0] != 0: // compressed, which was not asked for
		return 0, nil
	}
	return rejectedOf(body[grpcHead:]), nil
}

// transient reports whether a status of gRPC is worth trying again (OTLP, section OTLP/gRPC).
func transient(code int) bool {
	switch code {
	case 1, 4, 8, 10, 11, 14, 15: // canceled, late, exhausted, aborted, out of range, unavailable, data loss
		return true
	}
	return false
}

// rejectedOf reads how many spans an ExportTraceServiceResponse does not take:
// partial_success.rejected_spans.
func rejectedOf(message []byte) int {
	partial, ok := member(message, protowire.BytesType)
	if !ok {
		return 0
	}
	inner, n := protowire.ConsumeBytes(partial)
	if n < 0 {
		return 0
	}
	value, ok := member(inner, protowire.VarintType)
	if !ok {
		return 0
	}
	spans, n := protowire.ConsumeVarint(value)
	if n < 0 || spans > maxQueued {
		return 0
	}
	return int(spans)
}

// member is what stands behind the tag of field 1, of a type.
func member(message []byte, of protowire.Type) (rest []byte, ok bool) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, false
		}
		message = message[n:]
		if number == 1 && kind == of {
			return message, true
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil, false
		}
		message = message[n:]
	}
	return nil, false
}
