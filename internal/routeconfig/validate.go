package routeconfig

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Validate returns an error for each thing in the document that a proxy could
// not serve. The operator's compiler checks more; this guards against a document
// of another hand or version.
func (d *Document) Validate() error {
	if err := readable(d.Version); err != nil {
		return err
	}
	var errs []error
	seen := map[string]bool{}
	for i := range d.Routes {
		r := &d.Routes[i]
		id := r.Namespace + "/" + r.Name
		if seen[id] {
			errs = append(errs, fmt.Errorf("route %s: appears twice", id))
		}
		seen[id] = true
		if err := r.validate(); err != nil {
			errs = append(errs, fmt.Errorf("route %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Route) validate() error {
	errs := []error{
		fileName("namespace", r.Namespace),
		fileName("name", r.Name),
		between("listener.port", int64(r.Listener.Port), 1, 65535),
		between("validation.maxBodySize", r.Validation.MaxBodySize, 0, 64<<20),
		between("validation.bodyTimeout", int64(r.Validation.BodyTimeout), 1, maxSpan),
		between("rateLimits", int64(len(r.RateLimits)), 0, MaxRateLimits),
		r.Dispatch.validate(len(r.Backends)),
		r.Response.validate(len(r.Backends)),
		r.AccessLog.validate(),
		r.Tracing.validate(),
		r.Validation.validate(),
		r.Authentication.validate(),
		r.validateReceivers(),
		r.validateStore(),
	}
	for _, reference := range r.References() {
		errs = append(errs, reference.plain())
	}
	for i := range r.RateLimits {
		errs = append(errs, r.RateLimits[i].validate())
	}
	return errors.Join(errs...)
}

// maxSpan is a day: the longest span that the schema admits anywhere.
const maxSpan = int64(24 * 60 * 60 * 1e9)

func (d *Dispatch) validate(backends int) error {
	errs := []error{
		oneOf("dispatch.policy", d.Policy, PolicyAll, PolicyAny, PolicyQuorum, PolicyRequired, PolicyBestEffort),
		oneOf("dispatch.stragglers", d.Stragglers, StragglersAuto, StragglersCancel, StragglersFinish, StragglersWait),
		between("dispatch.timeout", int64(d.Timeout), 1, maxSpan),
		between("dispatch.maxInFlight", int64(d.MaxInFlight), 1, 65536),
	}
	if d.Policy == PolicyQuorum {
		errs = append(errs, between("dispatch.quorum", int64(d.Quorum), 1, int64(backends)))
	}
	if d.Policy == PolicyRequired && len(d.Required) == 0 {
		errs = append(errs, errors.New("dispatch.required is empty"))
	}
	for _, i := range d.Required {
		errs = append(errs, between("dispatch.required", int64(i), 0, int64(backends)-1))
	}
	return errors.Join(errs...)
}

func (r *Response) validate(backends int) error {
	errs := []error{
		oneOf("response.type", r.Type, ResponseEnvelope, ResponseMerge, ResponseGroup, ResponseFirst, ResponsePrimary),
		oneOf("response.onConflict", r.OnConflict, "", ConflictFirst, ConflictLast, ConflictCollect, ConflictError),
		oneOf("response.arrays", r.Arrays, "", ArraysAppend, ArraysUnique, ArraysReplace),
		oneOf("response.diagnostics", r.Diagnostics, DiagnosticsFull, DiagnosticsOutcome, DiagnosticsNone),
		between("response.primary", int64(r.Primary), 0, max(int64(backends)-1, 0)),
	}
	if !r.Combined() {
		errs = append(errs, between("response.idleTimeout", int64(r.IdleTimeout), 1, maxSpan))
	}
	if r.PartialStatusCode != 0 {
		errs = append(errs, between("response.partialStatusCode", int64(r.PartialStatusCode), 200, 299))
	}
	return errors.Join(errs...)
}

func (b *Backend) validate() error {
	errs := []error{
		between("timeout", int64(b.Timeout), 1, maxSpan),
		between("maxResponseSize", b.MaxResponseSize, 1, 64<<20),
		between("maxConcurrentRequests", int64(b.MaxConcurrentRequests), 0, 65536),
		between("maxQueuedRequests", int64(b.MaxQueuedRequests), 0, 65536),
		oneOf("request.path", b.Request.Path, PathURL, PathForward, PathReplacePrefix, PathExpression),
		oneOf("request.clientAddress", b.Request.ClientAddress, "", ClientAddressXForwardedFor, ClientAddressForwarded),
		oneOf("protocol", b.Protocol, "", ProtocolAuto, ProtocolHTTP1, ProtocolH2C),
		address(b.URL),
	}
	if b.Protocol == ProtocolH2C && strings.HasPrefix(b.URL, "https") {
		errs = append(errs, errors.New("protocol is H2C, and the url is https"))
	}
	if b.RateLimit != nil {
		errs = append(errs, b.RateLimit.validate())
	}
	if b.Retry != nil {
		errs = append(errs,
			between("retry.attempts", int64(b.Retry.Attempts), 1, 10),
			oneOf("retry.methods", b.Retry.Methods, RetryIdempotent, RetryIdempotencyKey, RetryAll),
			between("retry.budgetPercent", int64(b.Retry.BudgetPercent), 0, 100))
	}
	if b.Hedge != nil {
		errs = append(errs, b.Hedge.validate())
	}
	if b.CircuitBreaker != nil {
		errs = append(errs, b.CircuitBreaker.validate())
	}
	if b.Credential != nil {
		errs = append(errs, b.Credential.validate())
	}
	return errors.Join(errs...)
}

func (h *Hedge) validate() error {
	errs := []error{
		between("hedge.max", int64(h.Max), 1, 3),
		between("hedge.budgetPercent", int64(h.BudgetPercent), 0, 100),
	}
	if h.Percentile != 0 {
		errs = append(errs, between("hedge.percentile", int64(h.Percentile), 50, 99))
	} else {
		errs = append(errs, between("hedge.delay", int64(h.Delay), 1, maxSpan))
	}
	return errors.Join(errs...)
}

func (c *CircuitBreaker) validate() error {
	return errors.Join(
		between("circuitBreaker.failurePercent", int64(c.FailurePercent), 1, 100),
		between("circuitBreaker.minimumRequests", int64(c.MinimumRequests), 1, 100_000),
		between("circuitBreaker.window", int64(c.Window), 1, maxSpan),
		between("circuitBreaker.openFor", int64(c.OpenFor), 1, maxSpan),
		between("circuitBreaker.halfOpenRequests", int64(c.HalfOpenRequests), 1, 100),
		between("circuitBreaker.slowerThan", int64(c.SlowerThan), 0, maxSpan),
	)
}

// address checks a backend's URL.
func address(raw string) error {
	if strings.Contains(raw, "?") {
		return errors.New("url has a query")
	}
	return reachable("url", raw)
}

// reachable checks a URL that is asked: where it leads, and that it carries no secret.
func reachable(field, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return fmt.Errorf("%s cannot be read as a URL", field) // the error repeats it
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%s is not http or https with a host", field)
	case u.User != nil || strings.Contains(raw, "#"):
		return fmt.Errorf("%s of host %q has a user or fragment", field, u.Host)
	}
	return nil
}

// fileName checks a name that becomes part of a path below the credentials.
func fileName(field, name string) error {
	if name == "" || name == "." || name == ".." || name != filepath.Base(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%s %q is no plain name", field, name)
	}
	return nil
}

func between(field string, value, low, high int64) error {
	if value < low || value > high {
		return fmt.Errorf("%s is %d, not between %d and %d", field, value, low, high)
	}
	return nil
}

func oneOf(field, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("%s is %q, not one of %q", field, value, allowed)
	}
	return nil
}
