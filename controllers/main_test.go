package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

var (
	config *rest.Config  // of an administrator
	admin  client.Client // uncached
	binary string        // fanout-proxy
	logged journal       // of all operators
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewJSONHandler(&logged, nil)))
	c, stop, err := apiserver.Start()
	if err != nil {
		return 1, err
	}
	defer stop()
	config = c
	if admin, err = client.New(config, client.Options{Scheme: apiserver.Scheme()}); err != nil {
		return 1, err
	}
	if err := grant(); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "fanout-proxy")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "fanout-proxy")
	build := exec.Command("go", "build", "-o", binary, "./cmd/proxy")
	build.Dir = testkit.Root()
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build proxy: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// grant gives the operator's user the role that is installed with it.
func grant() error {
	roles, err := apiserver.Grant(context.Background(), admin, "config", "rbac", "role.yaml")
	if err != nil {
		return err
	}
	for _, role := range roles {
		for _, rule := range role.Rules {
			if slices.Contains(rule.Resources, "secrets") || slices.Contains(rule.Resources, "*") {
				return errors.New("the operator has a verb on Secrets")
			}
		}
	}
	return nil
}
