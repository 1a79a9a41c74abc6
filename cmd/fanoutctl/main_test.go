package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// asProgram makes the test's own program fanoutctl.
const asProgram = "FANOUTCTL_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// call runs fanoutctl as a process of its own.
func call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, os.Args[0], args...)
	command.Env = append(os.Environ(), asProgram+"=1", "KUBECONFIG="+filepath.Join(t.TempDir(), "none"), "HOME="+t.TempDir())
	command.Stdin = strings.NewReader(stdin)
	return testkit.Run(t, command)
}

const route = `apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: orders, namespace: shop}
spec:
  listener: {port: 8080}
  backends:
  - {name: one, url: "https://one.example.com"}
`

// Scripts go by the exit code: 0 is well, 1 is not. Results are on standard output, what
// went wrong on standard error.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	sample := filepath.Join(testkit.Root(), "config", "samples")
	for name, row := range map[string]struct {
		stdin  string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		"no command":             {args: nil, code: 0, stdout: "Available Commands"},
		"help":                   {args: []string{"--help"}, code: 0, stdout: "Available Commands"},
		"help of a command":      {args: []string{"lint", "-h"}, code: 0, stdout: "--filename"},
		"version":                {args: []string{"version"}, code: 0, stdout: "fanout.dev/v1alpha1"},
		"samples":                {args: []string{"lint", "-f", sample}, code: 0, stdout: "no faults"},
		"a route from a pipe":    {stdin: route, args: []string{"lint", "-f", "-"}, code: 0, stdout: "1 routes, no faults"},
		"a fault":                {stdin: strings.Replace(route, "https:", "ftp:", 1), args: []string{"lint", "-f", "-"}, code: 1, stdout: "url"},
		"no such file":           {args: []string{"lint", "-f", "/none.yaml"}, code: 1, stdout: "/none.yaml"},
		"no file named":          {args: []string{"lint"}, code: 1, stderr: "fanoutctl: no manifests are named: name a file, a folder or - (standard input) by -f"},
		"a file without -f":      {args: []string{"lint", "route.yaml"}, code: 1, stderr: "fanoutctl: fanoutctl lint takes no argument: name manifests by -f route.yaml"},
		"an unknown command":     {args: []string{"serve"}, code: 1, stderr: `fanoutctl: unknown command "serve"`},
		"an unknown flag":        {args: []string{"version", "--loud"}, code: 1, stderr: "fanoutctl: unknown flag: --loud: see fanoutctl version --help"},
		"an unknown form":        {args: []string{"version", "-o", "xml"}, code: 1, stderr: `fanoutctl: output "xml" is neither text nor json`},
		"a stray argument":       {args: []string{"version", "now"}, code: 1, stderr: `fanoutctl: fanoutctl version takes no argument, and was given "now"`},
		"two routes":             {args: []string{"get", "one", "two"}, code: 1, stderr: "fanoutctl: name one route, as NAME or NAMESPACE/NAME, not 2"},
		"run without a manifest": {args: []string{"run"}, code: 1, stderr: "no manifests are named"},
		"run of a bad one":       {stdin: "kind: [", args: []string{"run", "-f", "-"}, code: 1},
		"stat without a cluster": {args: []string{"stat", "orders"}, code: 1, stderr: "fanoutctl: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, row.stdin, row.args...)
			if code != row.code || !strings.Contains(stdout, row.stdout) || !strings.Contains(stderr, row.stderr) {
				t.Errorf("code %d, want %d\nstdout, which lacks %q?\n%s\nstderr, which lacks %q?\n%s", code, row.code, row.stdout, stdout, row.stderr, stderr)
			}
			if code == 0 && stderr != "" && name != "samples" {
				t.Errorf("well, and yet standard error has %q", stderr)
			}
		})
	}
}
