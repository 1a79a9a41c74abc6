package cli

import (
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

var (
	config     *rest.Config // of an administrator
	kubeconfig string       // that names it, with the namespace shop
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
	c, stop, err := apiserver.Start()
	if err != nil {
		return 1, err
	}
	defer stop()
	f, err := os.CreateTemp("", "kubeconfig")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	config, kubeconfig = c, f.Name()
	log.SetLogger(logr.Discard())
	if err := writeKubeconfig(kubeconfig, c); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func writeKubeconfig(file string, c *rest.Config) error {
	k := clientcmdapi.NewConfig()
	k.Clusters["c"] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	k.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData, Token: c.BearerToken, Impersonate: c.Impersonate.UserName}
	k.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: "shop"}
	k.CurrentContext = "c"
	return clientcmd.WriteToFile(*k, file)
}
