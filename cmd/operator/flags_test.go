package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// asProgram makes the test's own program the operator.
const asProgram = "FANOUT_OPERATOR_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// call runs the operator as a process of its own, without a cluster.
func call(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, os.Args[0], args...)
	command.Env = append(os.Environ(), asProgram+"=1", "KUBECONFIG="+filepath.Join(t.TempDir(), "none"), "KUBERNETES_SERVICE_HOST=")
	code, stdout, stderr := testkit.Run(t, command)
	return code, stdout + stderr
}

// What is wrong with the flags, or around the operator, ends it with 1 and one line that
// says so; a Pod that begins it again shows that line.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args []string
		code int
		want string
	}{
		"help":                {[]string{"--help"}, 0, "-allow-cross-namespace"},
		"an unknown flag":     {[]string{"--bogus"}, 1, "fanout-operator: parse flags: flag provided but not defined: -bogus"},
		"no number":           {[]string{"--workers=many"}, 1, `fanout-operator: parse flags: invalid value "many" for flag -workers`},
		"no span":             {[]string{"--poll-interval=5"}, 1, "for flag -poll-interval"},
		"no bucket":           {[]string{"--latency-buckets=1"}, 1, "for flag -latency-buckets: parse bound of a bucket"},
		"no network":          {[]string{"--deny-cidr=10.0.0.1"}, 1, "for flag -deny-cidr: parse network"},
		"no field":            {[]string{"--credential-headers=X Y"}, 1, "for flag -credential-headers"},
		"no store":            {[]string{"--rate-limit-store={}"}, 1, "for flag -rate-limit-store: read store of rate limits: type must be Redis"},
		"a store too many":    {[]string{`--rate-limit-store={"type":"Redis","redis":{"addresses":["a:1"],"cluster":true}}`}, 1, `unknown field "cluster"`},
		"a store without end": {[]string{`--rate-limit-store={"type":"Redis","redis":{"addresses":["a"]}}`}, 1, `"a" is no host:port`},
		"no name of a Secret": {[]string{"--proxy-image-pull-secret=A"}, 1, "for flag -proxy-image-pull-secret: is no name of a Secret"},
		"a page for all":      {[]string{"--dashboard=:9444"}, 1, "fanout-operator: parse flags: --dashboard \":9444\" is reached from the network"},
		"no address":          {[]string{"--dashboard=localhost:9092"}, 1, "names a host: write an IP address"},
		"no host":             {[]string{"--dashboard=127.0.0.1:9092", "--dashboard-hosts=https://a/"}, 1, "--dashboard-hosts \"https://a/\" is no name of a host"},
		"no cluster":          {[]string{"--metrics-address=0", "--health-address=0"}, 1, "fanout-operator: find cluster: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code, output := call(t, row.args...); code != row.code || !strings.Contains(output, row.want) {
				t.Errorf("code %d, want %d; the output, which lacks %q?\n%s", code, row.code, row.want, output)
			}
		})
	}
}

// Without flags the operator watches all namespaces and adds nothing to its proxies.
func TestDefaults(t *testing.T) {
	t.Parallel()
	s, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &settings{metricsAddress: ":8080", healthProbe: ":8081", workers: 4, pollInterval: 5 * time.Second}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("without flags the settings are\n%+v\nwant\n%+v", s, want)
	}
}

// Flags that may be repeated add up, and what is about proxies is handed on to them.
func TestFlags(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{
		"--namespaces=a,b", "--namespaces=c", "--credential-headers=X-Key,x-token", "--credential-headers", "X-More",
		"--deny-cidr=10.0.0.0/8", "--require-allowed-hosts", "--deny-cidr=fd00::/8", "--latency-buckets=1ms,1s",
		"--leader-elect", "--leader-election-namespace=system", "--allow-cross-namespace", "--watch-secrets", "--injector=inject",
		"--proxy-image=example.com/fanout:1", "--workers=9", "--poll-interval=1m", "--metrics-address=0", "--health-address=:1",
		`--rate-limit-store={"type":"Redis","redis":{"addresses":["redis.infra.svc:6379"],"secretName":"redis"},"timeout":"20ms"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2][]string{
		"namespaces":        {s.namespaces, {"a", "b", "c"}},
		"credential fields": {s.credentialHeaders, {"X-Key", "x-token", "X-More"}},
		"store":             {s.rateLimitStore.Redis.Addresses, {"redis.infra.svc:6379"}},
		"proxies' flags":    {s.proxies.Args, {"--deny-cidr=10.0.0.0/8", "--require-allowed-hosts", "--deny-cidr=fd00::/8", "--latency-buckets=1ms,1s"}},
		"texts":             {{s.leaderNamespace, s.injector, s.proxies.Image, s.metricsAddress, s.healthProbe}, {"system", "inject", "example.com/fanout:1", "0", ":1"}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s are %q, want %q", name, pair[0], pair[1])
		}
	}
	if !s.leaderElect || !s.crossNamespace || !s.watchSecrets || s.workers != 9 || s.pollInterval != time.Minute {
		t.Errorf("the settings are %+v", s)
	}
}
