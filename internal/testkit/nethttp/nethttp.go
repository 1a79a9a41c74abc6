// Package nethttp puts net/http's Transport in the place of ours, so that suites of tests hold
// over both: what they find is then said of the proxy, and not of one reader of HTTP.
package nethttp

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/tether"
)

// transport tells of its connections as ours does.
type transport struct{ *http.Transport }

// New is a carrier.HTTP1.
func New(o h1.Options) carrier.Keeper {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return o.Dial(ctx) }
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return transport{&http.Transport{
		DialContext: dial, DialTLSContext: dial, Protocols: protocols, DisableCompression: true,
		MaxConnsPerHost: o.MaxConnections, MaxIdleConnsPerHost: o.MaxIdle, IdleConnTimeout: o.IdleTimeout, MaxResponseHeaderBytes: int64(o.MaxResponseHeader),
	}}
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := &httptrace.ClientTrace{}
	if observer, ok := r.Context().Value(tether.ObserverKey{}).(tether.Observer); ok {
		trace.GotConn = func(c httptrace.GotConnInfo) { observer.GotConn(c.Reused) }
	}
	response, err := t.Transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return nil, fmt.Errorf("ask by net/http: %w", err)
	}
	return response, nil
}
