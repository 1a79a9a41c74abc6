package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"reflect"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/canary"
)

// garden plants canaries in Secrets, and knows all that it has planted.
type garden struct {
	t           *testing.T
	authorities map[string]*authorityOf
	password    string // of the one user
	// current are the values that Secrets have now.
	current map[string]map[string]string

	planting sync.Mutex
	canaries []canary.Value
}

func newGarden(t *testing.T) *garden {
	return &garden{t: t, authorities: map[string]*authorityOf{}, current: map[string]map[string]string{}}
}

// text is a value that holds a canary, whatever else it may hold.
func (g *garden) text(secret, key, form string) string {
	c := canary.New(secret, key, form)
	g.add(c)
	return c.Whole
}

func (g *garden) add(c canary.Value) {
	g.planting.Lock()
	defer g.planting.Unlock()
	g.canaries = append(g.canaries, c)
}

// planted are all canaries so far.
func (g *garden) planted() []canary.Value {
	g.planting.Lock()
	defer g.planting.Unlock()
	return slices.Clone(g.canaries)
}

// planters say what Secrets hold by what is made of them. A use that is none of these fails
// the test: it is a line here.
func planters() map[routeconfig.Use]func(g *garden, r *routeconfig.Reference) map[string]string {
	texts := func(form string, keys ...string) func(*garden, *routeconfig.Reference) map[string]string {
		return func(g *garden, r *routeconfig.Reference) map[string]string {
			out := map[string]string{}
			for _, key := range slices.Concat(r.Keys, keys) {
				out[key] = g.text(r.Name, key, form)
			}
			return out
		}
	}
	return map[routeconfig.Use]func(*garden, *routeconfig.Reference) map[string]string{
		routeconfig.UseAccount:     texts("", "username", "sentinelUsername", "sentinelPassword"),
		routeconfig.UseWorkload:    texts(""),
		routeconfig.UseBasic:       texts(signs),
		routeconfig.UseField:       texts(signs),
		routeconfig.UseQuery:       texts(signs + "#? é\n"),
		routeconfig.UseSigningKey:  texts(signs),
		routeconfig.UseSigningKeys: texts(signs),
		routeconfig.UseAWS:         texts("", "aws_session_token"),
		routeconfig.UseHeaders:     texts(signs, "Authorization", "X-Scope-OrgID"),
		routeconfig.UseWebhook: func(g *garden, r *routeconfig.Reference) map[string]string {
			encoded := base64.StdEncoding.EncodeToString([]byte(g.text(r.Name, "secret", "")))
			return map[string]string{"secret": "whsec_" + encoded}
		},
		routeconfig.UseCallers: func(g *garden, r *routeconfig.Reference) map[string]string {
			return map[string]string{"till": g.text(r.Name, "till", signs), "web": g.text(r.Name, "web", "")}
		},
		routeconfig.UseUsers: func(g *garden, r *routeconfig.Reference) map[string]string {
			g.password = g.text(r.Name, "the password behind auth", signs)
			hash, err := bcrypt.GenerateFromPassword([]byte(g.password), bcrypt.MinCost)
			if err != nil {
				g.t.Fatal(err)
			}
			g.add(canary.Value{Secret: r.Name, Key: "auth", Core: string(hash[29:]), Whole: string(hash)})
			return map[string]string{"auth": "clerk:" + string(hash)}
		},
		routeconfig.UseClient: func(g *garden, r *routeconfig.Reference) map[string]string {
			keys := map[string]string{}
			for _, key := range r.Keys {
				if keys[key] = g.text(r.Name, key, signs); key == "private_key" {
					_, keys[key] = g.authority("of "+r.Name).issue(g, r.Name)
				}
			}
			return keys
		},
		routeconfig.UseAuthorities:       authorities,
		routeconfig.UseClientAuthorities: authorities,
		routeconfig.UseKeyPair: func(g *garden, r *routeconfig.Reference) map[string]string {
			certificate, key := g.authority("of "+r.Name).issue(g, r.Name)
			return map[string]string{"tls.crt": certificate, "tls.key": key}
		},
	}
}

func authorities(g *garden, r *routeconfig.Reference) map[string]string {
	return map[string]string{"ca.crt": g.authority(r.Name).pem}
}

// plant makes Secrets for all that a route reads, with the reserved keys beside the values.
func (g *garden) plant(route *routeconfig.Route) map[string]map[string]string {
	g.t.Helper()
	for _, r := range route.References() {
		if r.Kind == routeconfig.KindConfigMap {
			continue
		}
		plant := planters()[r.Use]
		if plant == nil {
			g.t.Fatalf("nobody plants canaries in Secrets of the use %q: make it a line of planters()", r.Use)
		}
		keys := plant(g, &r)
		for _, key := range r.Keys {
			if keys[key] == "" {
				g.t.Errorf("%s: key %q of Secret %q has no canary", r.Field, key, r.Name)
			}
		}
		for _, reserved := range []string{"allowedHosts", "allowedTokenHosts"} {
			if r.Use != routeconfig.UseCallers { // every key of whose is a caller's
				keys[reserved] = "127.0.0.1\nlocalhost\n" + g.text(r.Name, reserved, ".example") + "\n"
			}
		}
		g.current[r.Folder()] = keys
	}
	return g.current
}

// authorityOf signs certificates.
type authorityOf struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func (g *garden) authority(name string) *authorityOf {
	g.t.Helper()
	if known := g.authorities[name]; known != nil {
		return known
	}
	key := g.key(name, "its authority's key")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: g.text(name, "ca.crt, its subject", "")}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		g.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		g.t.Fatal(err)
	}
	made := &authorityOf{certificate, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	g.authorities[name] = made
	return made
}

func (g *garden) key(secret, what string) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		g.t.Fatal(err)
	}
	private, err := key.Bytes()
	if err != nil {
		g.t.Fatal(err)
	}
	g.add(canary.Value{Secret: secret, Key: what, Core: string(private), Whole: string(private)})
	return key
}

// issue makes a certificate with its key. Whoever shows it is called till.
func (a *authorityOf) issue(g *garden, secret string) (certificate, private string) {
	g.t.Helper()
	key := g.key(secret, "tls.key")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "till", Organization: []string{g.text(secret, "tls.crt, its organization", "")}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		g.t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// pair is one to serve or to call with.
func (a *authorityOf) pair(g *garden, secret string) tls.Certificate {
	g.t.Helper()
	certificate, key := a.issue(g, secret)
	made, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		g.t.Fatal(err)
	}
	return made
}

// Every field of the spec that names a Secret is set in the route of canaries: one that is not
// would never be searched for.
func TestEverySecretOfTheSpecHasCanaries(t *testing.T) {
	t.Parallel()
	item := regexp.MustCompile(`\[[^]]*\]`)
	set := map[string]bool{}
	w := newWorld(t)
	for _, r := range w.route.References() {
		set[item.ReplaceAllString(r.Field, "")] = true
	}
	fields := 0
	fieldsOf("spec", reflect.TypeFor[v1alpha1.FanoutRouteSpec](), func(path string, of reflect.Type) {
		if of != reflect.TypeFor[v1alpha1.SecretName]() {
			return
		}
		if fields++; !set[path] {
			t.Errorf("%s names a Secret that the route of canaries lacks: set it in canaries.yaml", path)
		}
	})
	if fields < 12 {
		t.Errorf("%d fields that name a Secret", fields)
	}
}

// mount hands the Secrets to a proxy.
func (g *garden) mount(secrets *testkit.Secrets) {
	for name, keys := range g.current {
		secrets.Mount(testkit.Namespace, name, keys)
	}
}
