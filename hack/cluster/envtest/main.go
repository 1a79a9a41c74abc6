// Envtest is etcd, kube-apiserver and kubectl in one program, which acts as the
// one that it is called by: the KUBEBUILDER_ASSETS of the controller tests are
// three symbolic links to it. Building these three alone takes two thirds of
// the time of a whole Kubernetes.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"

	// Registers the JSON log format, as each component's own main does.
	_ "k8s.io/component-base/logs/json/register"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kubectl":
		os.Exit(cli.Run(kubectl.NewDefaultKubectlCommand()))
	default:
		fmt.Fprintf(os.Stderr, "call this program as etcd, kube-apiserver or kubectl, not as %q\n", name)
		os.Exit(2)
	}
}
