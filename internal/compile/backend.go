package compile

import (
	"cmp"
	"net"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func (c *compiler) backend(i int) routeconfig.Backend {
	b, path := &c.route.Spec.Backends[i], spec().Child("backends").Index(i)
	out := routeconfig.Backend{
		Name:                  string(b.Name),
		URL:                   c.address(path, b),
		Credential:            c.credential(path.Child("authentication"), b.Authentication),
		When:                  c.expression(path.Child("when"), b.When, expression.Bool),
		Request:               c.request(path.Child("request"), &b.Request),
		Timeout:               c.durationOr(path.Child("timeout"), value(b.Timeout), cmp.Or(c.route.Spec.Dispatch.Timeout, "5s")),
		Retry:                 c.retry(path.Child("retry"), b.Retry),
		Hedge:                 c.hedge(path.Child("hedge"), b.Hedge),
		CircuitBreaker:        c.circuitBreaker(path.Child("circuitBreaker"), b.CircuitBreaker),
		RateLimit:             c.backendRateLimit(path.Child("rateLimit"), b),
		MaxConcurrentRequests: int(value(b.MaxConcurrentRequests)),
		MaxQueuedRequests:     int(value(b.MaxQueuedRequests)),
		MaxResponseSize:       c.size(path.Child("maxResponseSize"), b.MaxResponseSize),
		SuccessStatusCodes:    ints(b.SuccessStatusCodes),
		Protocol:              string(cmp.Or(b.Protocol, v1alpha1.ProtocolAuto)),
	}
	c.settable(path.Child("request", "headers"), b, out.Credential)
	if b.TLS != nil {
		out.TLS = &routeconfig.TLS{CASecret: string(b.TLS.CASecretName), ServerName: b.TLS.ServerName, ClientCertificateSecret: string(b.TLS.ClientCertificateSecretName)}
	}
	return out
}

// address is the backend's URL; that of a Service is its name in the cluster's DNS.
func (c *compiler) address(path *field.Path, b *v1alpha1.Backend) string {
	if s := b.Service; s != nil {
		host := net.JoinHostPort(s.Name+"."+c.route.Namespace+".svc", strconv.Itoa(int(s.Port)))
		return string(cmp.Or(s.Scheme, "http")) + "://" + host + cmp.Or(s.Path, "/")
	}
	c.checkURL(path.Child("url"), b.URL)
	return b.URL
}

func (c *compiler) checkURL(path *field.Path, raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		c.refuse(path, raw, "must be http:// or https:// with a host, an optional port and path")
		return
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			c.refuse(path, raw, "must have a port between 1 and 65535")
		}
	}
	c.checkHost(path, raw, strings.ToLower(u.Hostname()))
}

func (c *compiler) credential(path *field.Path, a *v1alpha1.BackendAuthentication) *routeconfig.Credential {
	if a == nil {
		return nil
	}
	out := c.shown(path, a)
	if a.WorkloadIdentity != nil && out != nil {
		out.Audience = c.audience(path.Child("workloadIdentity", "audience"), a.WorkloadIdentity.Audience)
	}
	return out
}

func (c *compiler) shown(path *field.Path, a *v1alpha1.BackendAuthentication) *routeconfig.Credential {
	switch {
	case a.Type == v1alpha1.AuthenticationWorkloadIdentity:
		return &routeconfig.Credential{Type: routeconfig.CredentialWorkloadIdentity}
	case a.OAuth2 != nil:
		return c.oauth2(path.Child("oauth2"), a.OAuth2)
	case a.APIKey != nil:
		c.sendable(path.Child("apiKey", "header"), a.APIKey.Header)
		return &routeconfig.Credential{
			Type: routeconfig.CredentialAPIKey, Secret: string(a.APIKey.SecretName),
			Key: a.APIKey.Key, Header: string(a.APIKey.Header), Query: a.APIKey.Query,
		}
	case a.Basic != nil:
		return &routeconfig.Credential{Type: routeconfig.CredentialBasic, Secret: string(a.Basic.SecretName)}
	case a.Bearer != nil:
		return &routeconfig.Credential{Type: routeconfig.CredentialBearer, Secret: string(a.Bearer.SecretName)}
	}
	if a.HMAC != nil {
		c.sendable(path.Child("hmac", "header"), a.HMAC.Header)
		c.sendable(path.Child("hmac", "time", "header"), value(a.HMAC.Time).Header)
	}
	if signing := signing(a); signing != nil {
		return signing
	}
	c.refuse(path.Child("type"), string(a.Type), "must come with the member of its name")
	return nil
}

func (c *compiler) request(path *field.Path, r *v1alpha1.Request) routeconfig.Request {
	out := routeconfig.Request{
		Method:             string(r.Method),
		Path:               string(cmp.Or(r.Path.Type, v1alpha1.PathURL)),
		DropQuery:          r.Query.Type == v1alpha1.QueryDrop,
		RemoveQuery:        r.Query.Remove,
		ForwardCredentials: c.forwarded(path.Child("forwardCredentials"), r.ForwardCredentials),
		DropBody:           r.Body.Type == v1alpha1.BodyNone,
		PathExpression:     c.expression(path.Child("path", "expression"), r.Path.Expression, expression.Text),
		BodyExpression:     c.expression(path.Child("body", "expression"), r.Body.Expression, expression.JSON),
	}
	for i, p := range r.Query.Set {
		at := path.Child("query", "set").Index(i).Child("expression")
		out.SetQuery = append(out.SetQuery, routeconfig.NameValue{
			Name: p.Name, Value: value(p.Value), Expression: c.expression(at, p.Expression, expression.Text),
		})
	}
	if r.Host != nil {
		out.Host, out.ForwardHost = r.Host.Value, r.Host.Type == v1alpha1.HostForward
	}
	if r.ClientAddress != v1alpha1.ClientAddressNone {
		out.ClientAddress = string(r.ClientAddress)
	}
	if h := r.Headers; h != nil {
		out.RemoveHeaders = texts(h.Remove)
		for i, f := range h.Set {
			at := path.Child("headers", "set").Index(i).Child("expression")
			out.SetHeaders = append(out.SetHeaders, routeconfig.NameValue{
				Name: string(f.Name), Value: value(f.Value), Expression: c.expression(at, f.Expression, expression.Text),
			})
		}
	}
	return out
}
