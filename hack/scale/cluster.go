package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

const (
	// system is the operator's namespace, account its service account there.
	system  = "fanout-system"
	account = "system:serviceaccount:" + system + ":fanout-operator"
)

// auditPolicy has the API server note what the operator asks for, and nobody else.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: Metadata, users: ["` + account + `"]}
- {level: None}
`

// cluster is an API server with its store, and no more.
type cluster struct {
	environment *envtest.Environment
	config      *rest.Config
	admin       client.Client
	kubeconfig  string // file of the operator
	audit       *audit
}

func scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		return nil, fmt.Errorf("set up scheme: %w", err)
	}
	return s, nil
}

// startCluster starts an empty one, with our CRD and the operator's role.
func startCluster(ctx context.Context, dir string) (*cluster, error) {
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, fmt.Errorf("write policy: %w", err)
	}
	c := &cluster{
		environment: &envtest.Environment{
			CRDDirectoryPaths: []string{filepath.Join("config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
			ControlPlaneStartTimeout: 3 * time.Minute, ControlPlaneStopTimeout: time.Minute,
		},
		audit:      &audit{file: filepath.Join(dir, "audit.log")},
		kubeconfig: filepath.Join(dir, "kubeconfig"),
	}
	arguments := c.environment.ControlPlane.GetAPIServer().Configure()
	arguments.Set("service-cluster-ip-range", "10.96.0.0/16") // the default has room for 254 Services
	arguments.Set("audit-policy-file", policy).Set("audit-log-path", c.audit.file)
	config, err := c.environment.Start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start API server: %w", err), c.environment.Stop())
	}
	config.QPS, config.Burst = 2000, 4000
	c.config = config
	if err := c.prepare(ctx); err != nil {
		return nil, errors.Join(err, c.environment.Stop())
	}
	return c, nil
}

func (c *cluster) prepare(ctx context.Context) error {
	s, err := scheme()
	if err != nil {
		return err
	}
	if c.admin, err = client.New(c.config, client.Options{Scheme: s}); err != nil {
		return fmt.Errorf("set up client: %w", err)
	}
	if err := c.namespace(ctx, system); err != nil {
		return err
	}
	for _, file := range []string{"role.yaml", "operator.yaml"} {
		if err := c.apply(ctx, filepath.Join("config", "rbac", file)); err != nil {
			return err
		}
	}
	user, err := c.environment.AddUser(envtest.User{Name: account, Groups: []string{"system:serviceaccounts", "system:authenticated"}}, nil)
	if err != nil {
		return fmt.Errorf("add operator's user: %w", err)
	}
	content, err := user.KubeConfig()
	if err != nil {
		return fmt.Errorf("make kubeconfig: %w", err)
	}
	if err := os.WriteFile(c.kubeconfig, content, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}

// apply creates what a manifest holds.
func (c *cluster) apply(ctx context.Context, file string) error {
	raw, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	for text := range strings.SplitSeq(string(raw), "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), object); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if err := c.admin.Create(ctx, object); err != nil {
			return fmt.Errorf("create %s of %s: %w", object.GetKind(), file, err)
		}
	}
	return nil
}

func (c *cluster) namespace(ctx context.Context, name string) error {
	n := &corev1.Namespace{}
	n.Name = name
	if err := c.admin.Create(ctx, n); err != nil {
		return fmt.Errorf("create namespace %s: %w", name, err)
	}
	return nil
}

func (c *cluster) stop() error {
	if err := c.environment.Stop(); err != nil {
		return fmt.Errorf("stop API server: %w", err)
	}
	return nil
}
