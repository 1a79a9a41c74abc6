// Package apiserver gives tests a real API server with the project's CRD.
package apiserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	apiruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// ErrNoAssets says how to run the tests that need a real API server.
var ErrNoAssets = errors.New("KUBEBUILDER_ASSETS is not set: run `make test`, or export KUBEBUILDER_ASSETS=$(hack/kube-assets.sh)")

// Start starts etcd and kube-apiserver with the project's CRD. It is for
// TestMain; stop ends both.
func Start() (config *rest.Config, stop func(), err error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return nil, nil, ErrNoAssets
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(testkit.Root(), "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	arguments := environment.ControlPlane.GetAPIServer().Configure()
	// The default range has room for 254 Services.
	arguments.Set("service-cluster-ip-range", "10.96.0.0/16")
	// OpenShift has it on: the operator's role must do there, too.
	arguments.Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
	config, err = environment.Start()
	if err != nil {
		// A CRD that is refused leaves both running.
		return nil, nil, errors.Join(fmt.Errorf("start API server: %w", err), environment.Stop())
	}
	config.QPS, config.Burst = 1000, 2000
	return config, func() { _ = environment.Stop() }, nil
}

// Scheme knows Kubernetes' types and ours.
func Scheme() *apiruntime.Scheme {
	scheme := apiruntime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		panic(err)
	}
	return scheme
}
