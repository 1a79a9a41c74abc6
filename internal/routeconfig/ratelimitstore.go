package routeconfig

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// RateLimitStore is where the proxies of a route count together: a Redis or Valkey.
type RateLimitStore struct {
	Addresses []string `json:"addresses"`
	// Topology is TopologyStandalone, TopologySentinel or TopologyCluster.
	Topology string `json:"topology"`
	Master   string `json:"master,omitempty"`
	Database int    `json:"database,omitempty"`
	// Secret holds the password; without it there is none.
	Secret string `json:"secret,omitempty"`
	// TLS is nil for plain connections.
	TLS     *TLS     `json:"tls,omitempty"`
	Prefix  string   `json:"prefix"`
	Timeout Duration `json:"timeout"`
	// Proxies is how many serve the route, where the store has not counted them yet.
	Proxies int `json:"proxies"`
}

// How the servers of a store stand to each other.
const (
	TopologyStandalone = "Standalone"
	TopologySentinel   = "Sentinel"
	TopologyCluster    = "Cluster"
)

// What becomes of calls while the store of a shared limit does not answer.
const (
	StoreFailureAllow      = "Allow"
	StoreFailureDeny       = "Deny"
	StoreFailureLocalShare = "LocalShare"
)

// SharesLimit reports whether the requests to a backend are counted with other proxies.
func (b *Backend) SharesLimit() bool { return b.RateLimit != nil && b.RateLimit.Shared }

// shares reports whether a limit is counted in the store.
func (r *Route) shares() bool {
	for b := range r.Receivers() {
		if b.SharesLimit() {
			return true
		}
	}
	return slices.ContainsFunc(r.RateLimits, func(l RateLimit) bool { return l.Shared })
}

func (r *Route) validateStore() error {
	s := r.RateLimitStore
	if s == nil {
		if r.shares() {
			return errors.New("rateLimitStore is missing, and a rate limit is shared")
		}
		return nil
	}
	return s.Validate()
}

// Validate returns an error for what no proxy could connect to.
func (s *RateLimitStore) Validate() error {
	errs := []error{
		oneOf("rateLimitStore.topology", s.Topology, TopologyStandalone, TopologySentinel, TopologyCluster),
		between("rateLimitStore.addresses", int64(len(s.Addresses)), 1, 16),
		between("rateLimitStore.database", int64(s.Database), 0, 15),
		between("rateLimitStore.timeout", int64(s.Timeout), 1, 1e9),
		between("rateLimitStore.proxies", int64(s.Proxies), 1, 100_000),
	}
	for _, address := range s.Addresses {
		host, port, err := net.SplitHostPort(address)
		if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
			errs = append(errs, fmt.Errorf("rateLimitStore.addresses: %q is no host:port with a port between 1 and 65535", address))
		}
	}
	if (s.Topology == TopologySentinel) != (s.Master != "") {
		errs = append(errs, errors.New("rateLimitStore.master goes with the topology Sentinel"))
	}
	return errors.Join(errs...)
}

func (l *references) store(s *RateLimitStore) {
	const at = "spec.rateLimitStore.redis."
	if s == nil {
		return
	}
	l.optional(Reference{Field: at + "secretName", Name: s.Secret, Keys: []string{"password"}, Use: UseAccount})
	if t := s.TLS; t != nil {
		l.optional(Reference{Field: at + "tls.caSecretName", Name: t.CASecret, Keys: []string{"ca.crt"}, Use: UseAuthorities})
		l.optional(Reference{Field: at + "tls.clientCertificateSecretName", Name: t.ClientCertificateSecret, Keys: keysOfPair(), Use: UseKeyPair})
	}
}
