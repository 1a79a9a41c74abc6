package main

import (
	"context"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// What is wrong with the flags, or with what they name, ends the proxy with 1 and a line
// that says so.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	here := t.TempDir()
	for name, row := range map[string]struct {
		args []string
		code int
		want string
	}{
		"help":                 {[]string{"--help"}, 0, "-drain-timeout"},
		"an unknown flag":      {[]string{"--bogus"}, 1, "fanout-proxy: parse flags: flag provided but not defined: -bogus"},
		"no span":              {[]string{"--drain-delay=5"}, 1, "for flag -drain-delay"},
		"no bucket":            {[]string{"--latency-buckets=2s,1s"}, 1, "for flag -latency-buckets: bound 1s of a bucket is not above"},
		"no network":           {[]string{"--deny-cidr=10.0.0.1"}, 1, "for flag -deny-cidr: parse network"},
		"too many connections": {[]string{"--memory-budget=1048576", "--max-connections=9"}, 1, "fanout-proxy: check flags: max-connections is 9: the memory budget of 1048576 bytes has room for 0 to 8"},
		"a taken admin port":   {[]string{"--document=" + filepath.Join(here, "document.json"), "--credentials=" + here, "--admin=256.0.0.1:1"}, 1, "fanout-proxy: serve: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			code, stdout, stderr := testkit.Run(t, exec.CommandContext(ctx, binary, row.args...))
			if said := stdout + stderr; code != row.code || !strings.Contains(said, row.want) {
				t.Errorf("code %d, want %d; the output, which lacks %q?\n%s", code, row.code, row.want, said)
			}
		})
	}
}

// A document that is bad, or not there yet, keeps the process: it says so once, and
// SIGTERM ends it with 0.
func TestBadDocumentsEndNoProxy(t *testing.T) {
	t.Parallel()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir, said := t.TempDir(), &testkit.Log{}
	file := filepath.Join(dir, "document.json")
	if err := os.WriteFile(file, []byte(`{"version":"none"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "--document="+file, "--credentials="+dir, "--admin=", "--address=127.0.0.1", "--drain-delay=0s")
	command.Stderr = said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the document is refused", func() bool { return len(said.Lines(t, "document refused")) > 0 })
	if err := os.WriteFile(file, []byte(`{"version":"none"} `), 0o600); err != nil { // the same fault again
		t.Fatal(err)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if n := len(said.Lines(t, "document refused")); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, said)
	}
}

// Without flags a proxy dials no loopback, and of the memory that the runtime has, bodies
// get half of what that is nine tenths of.
func TestDefaults(t *testing.T) {
	t.Parallel()
	s, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.dialer.AllowLoopback || s.options.RequireAllowedHosts || s.options.NamesByRoute || s.options.RequireMounts {
		t.Errorf("without flags: %+v, %+v", s.dialer, s.options)
	}
	if s.options.Admin != ":9091" || s.options.Address != "" || s.options.DrainDelay != 5*time.Second || s.options.DrainTimeout != 0 || s.options.AccessLogSample != 100 {
		t.Errorf("without flags: %+v", s.options)
	}
	for limit, want := range map[int64]int64{math.MaxInt64: 0, 90: 50, 180 << 20: 100 << 20} {
		if got := half(limit); got != want {
			t.Errorf("of %d bodies get %d, want %d", limit, got, want)
		}
	}
}

// No backend is in a network that is denied, and none is the API server.
func TestDeniedNetworks(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	s, err := parse([]string{"--deny-cidr=10.0.0.0/8", "--deny-cidr=fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("10.96.0.1/32")}
	if !slices.Equal(s.dialer.Deny, want) {
		t.Errorf("denied are %v, want %v", s.dialer.Deny, want)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "a name")
	if s, err = parse(nil); err != nil || len(s.dialer.Deny) != 0 {
		t.Errorf("beside an API server that has a name denied are %v, %v", s.dialer.Deny, err)
	}
}
