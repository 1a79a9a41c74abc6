package gate

import (
	"crypto/x509"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// maxIntermediates are the certificates that a client may show beside its own.
const maxIntermediates = 8

// Shown is the certificates that a connection's client has shown, its own first, and what was
// found of them. Nothing of it has been verified but that the client has the key of its own.
type Shown struct {
	Chain  []*x509.Certificate
	judged atomic.Pointer[judgement]
}

// judgement is who a client is by some authorities, and until when.
type judgement struct {
	pool  *x509.CertPool
	name  routeconfig.Subject // empty for nobody
	until time.Time
}

// judgedFor is how long a client stays nobody: its certificate may become valid.
const judgedFor = time.Minute

// certificates know callers by the certificates of their connections.
type certificates struct {
	authorities *creds.Derived[*x509.CertPool]
	subjects    []routeconfig.Subject
	unknown     verdict
}

func newCertificates(namespace string, config *routeconfig.CallerCertificate, store *creds.Store) *certificates {
	return &certificates{
		authorities: store.ClientAuthorities(namespace, config.CASecret), subjects: config.Subjects,
		unknown: verdict{wants: "a client's certificate", challenge: fmt.Sprintf("Certificate realm=%q", realm)},
	}
}

// examine implements proof. A connection is judged once, and again when the authorities
// change, or a certificate ends.
func (c *certificates) examine(guest *Guest) verdict {
	shown := guest.Shown
	pool, err := c.authorities.Get()
	switch {
	case shown == nil || len(shown.Chain) == 0:
		return c.unknown
	case err != nil:
		return c.unknown.because(callersMissing)
	}
	now := time.Now()
	found := shown.judged.Load()
	if found == nil || found.pool != pool || !now.Before(found.until) {
		found = judgeChain(shown.Chain, pool, now)
		shown.judged.Store(found)
	}
	if found.name.Value == "" || len(c.subjects) > 0 && !slices.Contains(c.subjects, found.name) {
		return c.unknown.because(unknownCertificate)
	}
	return verdict{known: true, caller: found.name.Value}
}

// judgeChain looks for a chain from the first certificate to an authority.
func judgeChain(chain []*x509.Certificate, pool *x509.CertPool, now time.Time) *judgement {
	out := &judgement{pool: pool, until: now.Add(judgedFor)}
	if len(chain) > 1+maxIntermediates {
		return out
	}
	between := x509.NewCertPool()
	for _, one := range chain[1:] {
		between.AddCert(one)
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{
		Roots: pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return out
	}
	out.name, out.until = nameIn(chain[0]), chain[0].NotAfter
	for _, one := range chains[0] {
		if one.NotAfter.Before(out.until) {
			out.until = one.NotAfter
		}
	}
	return out
}

// nameIn is the name of a certificate: its first URI, else its first DNS name, else its common
// name. One of more than a line is none.
func nameIn(c *x509.Certificate) routeconfig.Subject {
	name := routeconfig.Subject{Type: routeconfig.SubjectCommonName, Value: c.Subject.CommonName}
	switch {
	case len(c.URIs) > 0:
		name = routeconfig.Subject{Type: routeconfig.SubjectURI, Value: c.URIs[0].String()}
	case len(c.DNSNames) > 0:
		name = routeconfig.Subject{Type: routeconfig.SubjectDNS, Value: c.DNSNames[0]}
	}
	if slices.ContainsFunc([]rune(name.Value), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return routeconfig.Subject{}
	}
	return name
}
