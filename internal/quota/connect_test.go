package quota

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/selfsigned"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func withSecret(c *routeconfig.RateLimitStore) { c.Secret = "redis" }

// faulty waits until a store says why it does not answer.
func faulty(t *testing.T, s *Store, words string) {
	t.Helper()
	soon(t, func() bool { return strings.Contains(s.Fault(), words) }, func() string { return "fault " + s.Fault() + ", want " + words })
}

// The password of now is shown, to whom the Secret may be sent alone, and never told.
func TestAccountsOfAStore(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t, "--user", "default", "off", "--user", "proxies", "on", ">canary-1", "~fanout:*", "+@all")
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "redis", map[string]string{"username": "proxies", "password": "canary-0"})
	store := creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)})
	s := New(Options{Config: settings(redis.Address, withSecret), Namespace: testkit.Namespace, Credentials: store, Dialer: dial.New(dial.Options{AllowLoopback: true})})
	t.Cleanup(s.Close)
	faulty(t, s, "it answers with an error (WRONGPASS)")
	rotate := func(keys map[string]string) {
		secrets.Mount(testkit.Namespace, "redis", keys)
		soon(t, func() bool { return store.Reload([]string{"."}) }, func() string { return "the Secret does not settle" })
	}
	rotate(map[string]string{"username": "proxies", "password": "canary-1"})
	answers(t, s)
	takes(t, route(s), hourly("few", 1))
	redis.Kill()
	rotate(map[string]string{"username": "proxies", "password": "canary-1", "allowedHosts": "redis.example.com\n"})
	redis.Start()
	faulty(t, s, "allowedHosts does not cover "+redis.Address)
	rotate(map[string]string{"username": "proxies", "password": "canary-1", "allowedHosts": "127.0.0.1\n"})
	answers(t, s)
}

func TestNothingIsSentWithoutThePassword(t *testing.T) {
	t.Parallel()
	s := unheard(t, testkit.NewSecrets(t), settings(testkit.NewRedis(t).Address, withSecret), dial.Options{AllowLoopback: true})
	faulty(t, s, "the Secret of the store has no password")
}

// The store is dialled by the guard of all connections.
func TestForbiddenAddressesOfStores(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	reached := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			reached <- struct{}{}
			_ = conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[64:ff9b::7f00:1]"} {
		for _, topology := range []string{routeconfig.TopologyStandalone, routeconfig.TopologyCluster, routeconfig.TopologySentinel} {
			s := unheard(t, testkit.NewSecrets(t), settings(host+":"+port, func(c *routeconfig.RateLimitStore) {
				if c.Topology = topology; topology == routeconfig.TopologySentinel {
					c.Master = "m"
				}
			}), dial.Options{})
			faulty(t, s, "is forbidden by")
		}
	}
	if n := len(reached); n > 0 {
		t.Errorf("%d connections to forbidden addresses", n)
	}
}

func cli(t *testing.T, address string, args ...string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(address)
	if out, err := exec.CommandContext(t.Context(), "redis-cli", append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput(); err != nil || strings.Contains(string(out), "ERR") {
		t.Fatalf("redis-cli %v: %v %s", args, err, out)
	}
}

func TestStoresThatAreClusters(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t, "--cluster-enabled", "yes")
	cli(t, redis.Address, "cluster", "addslotsrange", "0", "16383")
	r := route(connected(t, settings(redis.Address, func(c *routeconfig.RateLimitStore) { c.Topology = routeconfig.TopologyCluster })))
	into := make([]Verdict, 2)
	soon(t, func() bool { return r.Take(t.Context(), []Charge{hourly("a", 2), hourly("b", 2)}, into) == nil }, r.store.Fault)
	if !into[0].Admitted || !into[1].Admitted {
		t.Errorf("%+v", into)
	}
}

// sentinelOf starts a sentinel that names a server "orders".
func sentinelOf(t *testing.T, redis *testkit.Redis, more ...string) *testkit.Redis {
	t.Helper()
	host, port, _ := net.SplitHostPort(redis.Address)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	lines := "sentinel monitor orders " + host + " " + port + " 1\n" + strings.Join(more, "\n") + "\n"
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return testkit.NewSentinel(t, config)
}

func TestStoresThatSentinelsName(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t, "--requirepass", "of-the-server")
	sentinel := sentinelOf(t, redis, "sentinel auth-pass orders of-the-server", "requirepass of-the-sentinel")
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "redis", map[string]string{"password": "of-the-server", "sentinelPassword": "of-the-sentinel"})
	s := unheard(t, secrets, settings(sentinel.Address, withSecret, func(c *routeconfig.RateLimitStore) {
		c.Topology, c.Master = routeconfig.TopologySentinel, "orders"
	}), dial.Options{AllowLoopback: true})
	answers(t, s)
	takes(t, route(s), hourly("few", 1))
}

// Certificates are of the authority in the Secret, and others are refused; the store is shown
// one of ours where its Secret may be sent there alone.
func TestStoresWithTLS(t *testing.T) {
	t.Parallel()
	own, err := selfsigned.New("redis.example.com", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(own.TLS.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	crt, of := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	for name, content := range map[string][]byte{crt: own.PEM, of: private} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	redis := testkit.NewRedis(t, "--tls-cert-file", crt, "--tls-key-file", of, "--tls-ca-cert-file", crt, "--tls-auth-clients", "no")
	secrets := testkit.NewSecrets(t)
	secrets.Mount(testkit.Namespace, "ca", map[string]string{"ca.crt": string(own.PEM)})
	secure := func(ca string) func(*routeconfig.RateLimitStore) {
		return func(c *routeconfig.RateLimitStore) {
			c.TLS = &routeconfig.TLS{CASecret: ca, ServerName: "redis.example.com"}
		}
	}
	s := unheard(t, secrets, settings(redis.Address, secure("ca")), dial.Options{AllowLoopback: true})
	answers(t, s)
	takes(t, route(s), hourly("few", 1))
	faulty(t, unheard(t, secrets, settings(redis.Address, secure("")), dial.Options{AllowLoopback: true}), "unknown authority")
	pair := map[string]string{"tls.crt": string(own.PEM), "tls.key": string(private)}
	for hosts, want := range map[string]string{"127.0.0.1": "", "redis.example.com": "allowedHosts does not cover " + redis.Address} {
		pair["allowedHosts"] = hosts
		secrets.Mount(testkit.Namespace, "me-at-"+hosts, pair)
		s := unheard(t, secrets, settings(redis.Address, secure("ca"), func(c *routeconfig.RateLimitStore) {
			c.TLS.ClientCertificateSecret = "me-at-" + hosts
		}), dial.Options{AllowLoopback: true})
		if want != "" {
			faulty(t, s, want)
			continue
		}
		answers(t, s)
	}
}
