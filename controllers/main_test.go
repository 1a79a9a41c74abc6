package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

var (
	config *rest.Config  // of an administrator
	admin  client.Client // uncached
	binary string        // fanout-proxy
	logged journal       // of all operators
)

// operatorUser has the operator's role and no other right.
const operatorUser = "system:serviceaccount:fanout-system:fanout-operator"

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
	raw, err := os.ReadFile(filepath.Join(testkit.Root(), "config", "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(raw, role); err != nil {
		return err
	}
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			if resource == "secrets" || resource == "*" {
				return errors.New("the operator has a verb on Secrets")
			}
		}
	}
	ctx := context.Background()
	if err := admin.Create(ctx, role); err != nil {
		return err
	}
	return admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operatorUser}},
	})
}
