package testkit

import (
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Namespace is that of the routes made here.
const Namespace = "shop"

// Route returns a route with the defaults of the schema, changed by modify.
func Route(name string, backends []routeconfig.Backend, modify ...func(*routeconfig.Route)) routeconfig.Route {
	r := routeconfig.Route{
		Namespace:  Namespace,
		Name:       name,
		Listener:   routeconfig.Listener{Port: 8080},
		Validation: routeconfig.Validation{MaxBodySize: 1 << 20, BodyTimeout: Span(30 * time.Second)},
		Dispatch: routeconfig.Dispatch{
			Policy: routeconfig.PolicyAll, Timeout: Span(5 * time.Second),
			Stragglers: routeconfig.StragglersAuto, MaxInFlight: 1024,
		},
		Backends: backends,
		Response: routeconfig.Response{Type: routeconfig.ResponseEnvelope, Diagnostics: routeconfig.DiagnosticsFull, IdleTimeout: Span(time.Minute)},
	}
	for _, m := range modify {
		m(&r)
	}
	return r
}

// Receiver returns a backend of a route with the defaults of the schema, changed
// by modify.
func Receiver(name, url string, modify ...func(*routeconfig.Backend)) routeconfig.Backend {
	b := routeconfig.Backend{
		Name: name, URL: url, Timeout: Span(5 * time.Second), MaxResponseSize: 1 << 20,
		Request: routeconfig.Request{Path: routeconfig.PathURL},
	}
	for _, m := range modify {
		m(&b)
	}
	return b
}

// Receivers are several of one route.
func Receivers(b ...routeconfig.Backend) []routeconfig.Backend { return b }

// Shadow adds a shadow, sent all calls and changed by modify, to a route.
func Shadow(b routeconfig.Backend, compare string, modify ...func(*routeconfig.Shadow)) func(*routeconfig.Route) {
	s := routeconfig.Shadow{Backend: b, Percent: 100, Compare: compare}
	for _, m := range modify {
		m(&s)
	}
	return func(r *routeconfig.Route) { r.Shadows = append(r.Shadows, s) }
}

// Span is a duration of a document.
func Span(d time.Duration) routeconfig.Duration { return routeconfig.Duration(d) }
