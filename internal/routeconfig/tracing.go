package routeconfig

import (
	"errors"
	"net/url"
)

// Tracing says which calls are told of by spans, and whom.
type Tracing struct {
	// Endpoint is the URL of a collector; TracingHTTP adds the path of OTLP to it, and
	// TracingGRPC has it without a path.
	Endpoint string `json:"endpoint"`
	// Protocol is TracingHTTP or TracingGRPC.
	Protocol string `json:"protocol"`
	// SamplePercent is the share of the calls of which nobody before has decided.
	SamplePercent int `json:"samplePercent"`
	// CASecret holds ca.crt, the authorities of the collector's certificate. Without it they are
	// the public ones.
	CASecret string `json:"caSecret,omitempty"`
	// HeadersSecret has the fields that the collector is shown; without it there are none.
	HeadersSecret string `json:"headersSecret,omitempty"`
}

// How spans are sent.
const (
	TracingHTTP = "HTTP"
	TracingGRPC = "GRPC"
)

func (t *Tracing) validate() error {
	if t == nil {
		return nil
	}
	errs := []error{
		reachable("tracing.endpoint", t.Endpoint),
		oneOf("tracing.protocol", t.Protocol, TracingHTTP, TracingGRPC),
		between("tracing.samplePercent", int64(t.SamplePercent), 0, 100),
	}
	u, err := url.Parse(t.Endpoint)
	if err == nil && t.CASecret != "" && u.Scheme != "https" {
		errs = append(errs, errors.New("tracing.caSecret goes with an https endpoint"))
	}
	switch {
	case err != nil: // reachable says so
	case u.RawQuery != "" || u.ForceQuery:
		errs = append(errs, errors.New("tracing.endpoint has a query"))
	case t.Protocol == TracingGRPC && u.Path != "" && u.Path != "/":
		errs = append(errs, errors.New("tracing.endpoint has a path, and the protocol GRPC has its own"))
	}
	return errors.Join(errs...)
}

func (l *references) tracing(t *Tracing) {
	if t != nil {
		l.optional(Reference{Field: "spec.proxy.tracing.caSecretName", Name: t.CASecret, Keys: []string{"ca.crt"}, Use: UseAuthorities})
		l.optional(Reference{Field: "spec.proxy.tracing.headersSecretName", Name: t.HeadersSecret, Use: UseHeaders})
	}
}
