// Package compile turns a FanoutRoute into the route of a document. It is pure:
// the operator, fanoutctl and the tests get the same document for the same spec.
// The spec has passed the CRD's schema; what the schema cannot say is refused here, with the
// field's path. Defaults below the items of a list are filled in here alone: of an object
// that the API server has filled in there, kubectl's client-side apply sends the whole list
// every time.
package compile

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are those of Route.
type Options struct {
	// ListenPort is the port on which the proxy listens. Default: the route's own.
	ListenPort int
	// AllowCrossNamespace admits urls of Services in other namespaces.
	AllowCrossNamespace bool
	// APIAudiences are those of which the API server takes tokens, and its issuer, beside what
	// API servers have by default. Default: none, where no API server says so.
	APIAudiences []string
	// CredentialHeaders are fields that carry credentials of callers, for all routes, in
	// addition to those that do by custom.
	CredentialHeaders []string
	// RateLimitStore is that of routes that name none. Default: none.
	RateLimitStore *v1alpha1.RateLimitStore
}

// Route compiles a route. Where the list has errors there is no document. It takes as
// long as its expressions do: up to some seconds.
func Route(route *v1alpha1.FanoutRoute, o Options) (*routeconfig.Route, field.ErrorList) {
	out, expressions, errs := Unchecked(route, o)
	if errs = append(errs, checkAll(expressions)...); len(errs) > 0 {
		return nil, errs
	}
	return out, nil
}

// Unchecked compiles a route but for its expressions, which are returned to be checked,
// and takes no time worth mentioning. Where the list has errors there is no document.
func Unchecked(route *v1alpha1.FanoutRoute, o Options) (*routeconfig.Route, []Expression, field.ErrorList) {
	c := &compiler{route: route, options: o}
	out := &routeconfig.Route{
		Namespace:      route.Namespace,
		Name:           route.Name,
		Listener:       c.listener(),
		Authentication: c.authentication(),
		Authorization:  c.authorization(),
		RateLimits:     c.rateLimits(),
		RateLimitStore: c.store(),
		Validation:     c.validation(),
		Dispatch:       c.dispatch(),
		Response:       c.response(),
		AccessLog:      c.accessLog(),
		Tracing:        c.tracing(),

		CredentialHeaders: c.credentialHeaders(),
	}
	out.Backends, out.Shadows = c.receivers()
	c.networkPolicy()
	c.resources()
	c.sumExpressions()
	if len(c.errs) > 0 {
		return nil, c.expressions, c.errs
	}
	if err := check(out); err != nil {
		return nil, c.expressions, field.ErrorList{field.Invalid(spec(), route.Name, err.Error())}
	}
	return out, c.expressions, nil
}

// check reads the document as the proxy will, and holds it to a ConfigMap's size.
func check(out *routeconfig.Route) error {
	document := routeconfig.Document{Version: routeconfig.Version, Routes: []routeconfig.Route{*out}}
	if err := document.Validate(); err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	encoded, err := routeconfig.Encode(&document)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if len(encoded) > routeconfig.MaxBytes {
		return fmt.Errorf("takes %d bytes compiled, a ConfigMap holds %d: set fewer or shorter headers and parameters",
			len(encoded), routeconfig.MaxBytes)
	}
	return nil
}

// compiler holds one compilation and what it found wrong.
type compiler struct {
	route       *v1alpha1.FanoutRoute
	options     Options
	errs        field.ErrorList
	expressions []Expression
}

func (c *compiler) refuse(path *field.Path, value any, detail string) {
	c.errs = append(c.errs, field.Invalid(path, value, detail))
}

// duration reads what the schema's pattern admitted. Absent ones are none.
func (c *compiler) duration(path *field.Path, d v1alpha1.Duration) routeconfig.Duration {
	if d == "" {
		return 0
	}
	parsed, err := time.ParseDuration(string(d))
	if err != nil {
		c.refuse(path, string(d), "must be a duration such as 500ms or 1m30s")
	}
	return routeconfig.Duration(parsed)
}

// durationOr gives an absent duration its default.
func (c *compiler) durationOr(path *field.Path, d, fallback v1alpha1.Duration) routeconfig.Duration {
	if d == "" {
		d = fallback
	}
	return c.duration(path, d)
}

func texts[T ~string](list []T) []string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

func ints(list []int32) []int {
	var out []int
	for _, n := range list {
		out = append(out, int(n))
	}
	return out
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
