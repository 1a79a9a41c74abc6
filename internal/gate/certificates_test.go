package gate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority is one of its own, or one below another.
func newAuthority(t *testing.T, below *authority) *authority {
	a := &authority{t: t}
	a.cert, a.key = below.sign(t, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	return a
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// sign makes a certificate; of nil one that has signed itself.
func (a *authority) sign(t *testing.T, modify func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "till"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if modify != nil {
		modify(template)
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// client is a certificate for one.
func (a *authority) client(modify func(*x509.Certificate)) *x509.Certificate {
	cert, _ := a.sign(a.t, modify)
	return cert
}

func TestCallersAreKnownByTheirCertificates(t *testing.T) {
	t.Parallel()
	root, other := newAuthority(t, nil), newAuthority(t, nil)
	between := newAuthority(t, root)
	spiffe := func(c *x509.Certificate) {
		c.URIs, c.DNSNames = []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/till"}}, []string{"till.example.com"}
	}
	deep := []*x509.Certificate{}
	for a, i := root, 0; i <= maxIntermediates; i++ {
		a = newAuthority(t, a)
		deep = append([]*x509.Certificate{a.cert}, deep...)
		if i == maxIntermediates {
			deep = append([]*x509.Certificate{a.client(nil)}, deep...)
		}
	}
	only := []routeconfig.Subject{{Type: "DNS", Value: "till.example.com"}, {Type: "CommonName", Value: "web"}}
	for name, row := range map[string]struct {
		chain    []*x509.Certificate
		subjects []routeconfig.Subject
		want     string
	}{
		"none":                             {nil, nil, ""},
		"by common name":                   {[]*x509.Certificate{root.client(nil)}, nil, "till"},
		"by DNS name":                      {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.DNSNames = []string{"till.example.com", "web"} })}, nil, "till.example.com"},
		"by URI":                           {[]*x509.Certificate{root.client(spiffe)}, nil, "spiffe://example.com/till"},
		"through another":                  {[]*x509.Certificate{between.client(nil), between.cert}, nil, "till"},
		"through another that is not sent": {[]*x509.Certificate{between.client(nil)}, nil, ""},
		"through too many":                 {deep, nil, ""},
		"of another authority":             {[]*x509.Certificate{other.client(nil)}, nil, ""},
		"of another, which is sent":        {[]*x509.Certificate{other.client(nil), other.cert}, nil, ""},
		"signed by itself":                 {[]*x509.Certificate{(*authority)(nil).self(t)}, nil, ""},
		"ended":                            {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}, nil, ""},
		"not begun":                        {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })}, nil, ""},
		"for servers":                      {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}, nil, ""},
		"without a name":                   {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.Subject.CommonName = "" })}, nil, ""},
		"a name of two lines":              {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.Subject.CommonName = "a\nb" })}, nil, ""},
		"a name that may":                  {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.Subject.CommonName = "web" })}, only, "web"},
		"a name that may not":              {[]*x509.Certificate{root.client(nil)}, only, ""},
		"a name of another type":           {[]*x509.Certificate{root.client(func(c *x509.Certificate) { c.Subject.CommonName = "till.example.com" })}, only, ""},
		"a name that is not the first":     {[]*x509.Certificate{root.client(spiffe)}, only, ""},
	} {
		secrets := testkit.NewSecrets(t)
		secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": root.pem()})
		c := newCertificates(testkit.Namespace, &routeconfig.CallerCertificate{CASecret: "ca", Subjects: row.subjects}, creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}))
		guest := &Guest{Request: httptest.NewRequest("GET", "/", nil)}
		if row.chain != nil {
			guest.Shown = &Shown{Chain: row.chain}
		}
		for range 2 {
			v := c.examine(guest)
			if v.caller != row.want || v.known != (row.want != "") || !v.known && v.challenge != `Certificate realm="fanout"` {
				t.Errorf("%s: %+v, want %q", name, v, row.want)
			}
		}
	}
}

func (a *authority) self(t *testing.T) *x509.Certificate {
	cert, _ := a.sign(t, nil)
	return cert
}

// An authority that is taken away admits nobody any more, on connections that are there, too; a
// certificate that ends ends there as well.
func TestCertificatesAreJudgedAgain(t *testing.T) {
	t.Parallel()
	root, other := newAuthority(t, nil), newAuthority(t, nil)
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": root.pem()})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	c := newCertificates(testkit.Namespace, &routeconfig.CallerCertificate{CASecret: "ca"}, store)
	guest := &Guest{Shown: &Shown{Chain: []*x509.Certificate{root.client(nil)}}}
	want := func(when string, known bool) {
		t.Helper()
		if got := c.examine(guest).known; got != known {
			t.Errorf("%s: known %v, want %v", when, got, known)
		}
	}
	become := func(keys map[string]string) {
		secrets.Mount(testkit.Namespace, "ca", keys)
		store.Reload([]string{"."})
	}
	want("at first", true)
	first := guest.Shown.judged.Load()
	want("again", true)
	if guest.Shown.judged.Load() != first {
		t.Error("a connection is judged with every call")
	}
	become(map[string]string{"ca.crt": root.pem() + other.pem()})
	want("another authority beside it", true)
	become(map[string]string{"ca.crt": "-----BEGIN CERTIFICATE-----\nhalf"})
	want("authorities that cannot be read", true)
	become(map[string]string{"ca.crt": "# none any more"})
	want("a file without any", false)
	become(map[string]string{"ca.crt": other.pem()})
	want("another authority in its place", false)
	become(map[string]string{"ca.crt": root.pem()})
	want("the first again", true)
	become(map[string]string{})
	want("none", false)
	become(map[string]string{"ca.crt": root.pem()})
	want("the first once more", true)
	found := *guest.Shown.judged.Load()
	ends := []time.Time{guest.Shown.Chain[0].NotAfter, root.cert.NotAfter}
	if !found.until.Equal(slices.MinFunc(ends, time.Time.Compare)) {
		t.Errorf("it is believed until %s", found.until)
	}
	found.until, found.name = time.Now(), routeconfig.Subject{Value: "before"}
	guest.Shown.judged.Store(&found)
	if v := c.examine(guest); v.caller != "till" {
		t.Errorf("what was found holds beyond its time: %+v", v)
	}
}
