package jwt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
)

const (
	// fetchTimeout bounds all requests of a fetch together.
	fetchTimeout = 10 * time.Second
	// maxAnswer bounds what an issuer may answer, and maxHead the head of that, in bytes.
	maxAnswer = 1 << 20
	maxHead   = 64 << 10
	// discovery is where an issuer says where its keys are (OpenID Connect Discovery 1.0,
	// section 4).
	discovery = "/.well-known/openid-configuration"
)

// fetcher gets an issuer's keys, over connections that are judged like all others.
type fetcher struct {
	issuer, uri string // uri is empty where the issuer says where its keys are
	dialer      *dial.Dialer
	authorities *creds.Derived[*x509.CertPool]
}

func newFetcher(o *Options) *fetcher {
	return &fetcher{issuer: o.Config.Issuer, uri: o.Config.JWKSURI, dialer: o.Dialer, authorities: o.Authorities}
}

// connect makes a connection to where a URL leads, secured where it says so. Each request
// has one of its own, so that certificates and addresses are those of the time.
func (f *fetcher) connect(ctx context.Context, to *url.URL) (net.Conn, error) {
	address := net.JoinHostPort(to.Hostname(), dial.Port(to))
	if to.Scheme != "https" {
		return f.dialer.Dial(ctx, address)
	}
	return f.dialer.DialTLS(ctx, address, func() (*tls.Config, error) {
		out := &tls.Config{}
		if f.authorities == nil {
			return out, nil
		}
		var err error
		if out.RootCAs, err = f.authorities.Get(); err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		return out, nil
	})
}

// fetch returns the keys. The error is in words of ours, and stays the same while its cause
// does.
func (f *fetcher) fetch(ctx context.Context) (*Set, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	uri := f.uri
	if uri == "" {
		found, err := f.discover(ctx)
		if err != nil {
			return nil, fmt.Errorf("discovery: %w", err)
		}
		uri = found
	}
	raw, err := f.get(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	found, err := parseSet(raw)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return found, nil
}

var (
	errNoConfiguration = errors.New("the answer is no configuration of an issuer")
	errOtherIssuer     = errors.New("the answer is of another issuer than the route names")
	errForeignKeys     = errors.New("jwks_uri is not https, or within the cluster and on another host than the issuer")
)

// discover asks the issuer where its keys are, and believes nothing but that.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	raw, err := f.get(ctx, strings.TrimSuffix(f.issuer, "/")+discovery)
	if err != nil {
		return "", err
	}
	answer := object(raw)
	if answer == nil {
		return "", errNoConfiguration
	}
	if text(answer["issuer"]) != f.issuer {
		return "", errOtherIssuer
	}
	at, err := url.Parse(text(answer["jwks_uri"]))
	if err != nil || at.Hostname() == "" || at.User != nil {
		return "", errNoConfiguration
	}
	own, err := url.Parse(f.issuer)
	if err != nil || at.Host != own.Host && (at.Scheme != "https" || within(at.Hostname())) || at.Scheme != "https" && at.Scheme != own.Scheme {
		return "", errForeignKeys
	}
	return at.String(), nil
}

// within reports whether a host is one of the cluster's own, or of this machine: an issuer
// has no say over those.
func within(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return true
	}
	return strings.Contains(host+".", ".svc.") || strings.Contains(host+".", ".pod.")
}

// get returns what stands at an address. What errors say is dropped: it may hold bytes of
// the peer, and a port that is another one each time.
func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, errors.New("the address cannot be read")
	}
	to := *request.URL
	request.URL.Scheme = "http" // what is below is secured already, or is not to be
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	client := &http.Client{
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return f.connect(ctx, &to) },
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHead,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, unreached(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode/100 == 3:
		return nil, fmt.Errorf("the issuer answered %d: redirects are not followed", response.StatusCode)
	case response.StatusCode != http.StatusOK: // 101 too, whose body no context ends
		return nil, fmt.Errorf("the issuer answered %d", response.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, unreached(ctx, err)
	}
	if len(raw) > maxAnswer {
		return nil, errors.New("the issuer answered with more than 1 MiB")
	}
	return raw, nil
}

// unreached says why there was no answer, in words of ours.
func unreached(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*dial.ForbiddenError](err); ok {
		return errors.New("the issuer's address may not be dialled (forbiddenAddress)")
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return errors.New("the issuer has not answered in time")
	}
	if says := dial.Unmade(err); says != "" {
		return fmt.Errorf("the issuer cannot be asked: %s", says)
	}
	if _, ok := errors.AsType[dial.HandshakeError](err); ok {
		return errors.New("the issuer cannot be asked: tls")
	}
	return errors.New("the issuer cannot be asked")
}
