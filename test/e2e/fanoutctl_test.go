package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// fanoutctl runs the one that `make build` has built, on the cluster of the tests.
func (s *scene) fanoutctl(args ...string) (out string, code int) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), filepath.Join("..", "..", "bin", "fanoutctl"), args...)
	cmd.Env = s.environment()
	output, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(output), exit.ExitCode()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return string(output), 0
}

// environment is that of a program on the cluster of the tests.
func (s *scene) environment() []string {
	s.t.Helper()
	file, err := filepath.Abs(filepath.Join("..", "..", ".cluster", "kubeconfig"))
	if err != nil {
		s.t.Fatal(err)
	}
	if named := os.Getenv("KUBECONFIG"); named != "" {
		file = named
	}
	return append(os.Environ(), "KUBECONFIG="+file)
}

// Whoever has fanoutctl finds out what a route does, and why it does not.
func TestFanoutctlFindsWhatIsWrong(t *testing.T) {
	s := newScene(t)
	s.agents("one", "two")
	route := s.namespace + "/orders"
	s.route("orders", []string{"one", "two"}, func(r *v1alpha1.FanoutRoute) {
		r.Spec.Backends[1].Authentication = &v1alpha1.BackendAuthentication{
			Type: "APIKey", APIKey: &v1alpha1.APIKey{SecretName: "partner", Key: "key", Header: "X-API-Key"},
		}
	})
	eventually(t, "the missing Secret is told", func() bool {
		c := s.condition("orders", v1alpha1.ConditionReady)
		return c != nil && c.Reason == v1alpha1.ReasonSecretMissing
	})
	says := func(want int, args ...string) func(words ...string) {
		t.Helper()
		out, code := s.fanoutctl(args...)
		return func(words ...string) {
			t.Helper()
			if code != want {
				t.Errorf("fanoutctl %s ended with %d, want %d:\n%s", args[0], code, want, out)
			}
			for _, w := range words {
				if !strings.Contains(out, w) {
					t.Errorf("fanoutctl %s does not say %q:\n%s", args[0], w, out)
				}
			}
		}
	}
	says(0, "get", route)("SecretMissing", `Secret "partner" is missing`)
	says(1, "status", route)(`Secret "partner"`, "What to do next:", "create secret generic")
	says(0, "check")("fanout-system/fanout-operator")
	s.secret("partner", map[string]string{"key": "k"})
	s.settled("orders")
	says(0, "status", route)("Ready")
	says(0, "try", route, "-d", `{"id":7}`)("200 OK", "one", "succeeded 200", "█")
	says(0, "logs", route, "--tail", "1")("orders-fanout-")
	says(0, "stat", route)("one", "two", "100%")
}
