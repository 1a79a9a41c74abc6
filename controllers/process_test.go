package controllers_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

// process is an operator as it is installed, but for its Lease.
type process struct {
	t       *testing.T
	id      int
	metrics string
}

// runOperator builds and runs one with the default memory limit, until the end of the test.
func runOperator(t *testing.T, namespaces []string) *process {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "fanout-operator"), "./cmd/operator")
	build.Dir = testkit.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build operator: %v\n%s", err, out)
	}
	p := &process{t: t, metrics: freeAddress(t)}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "fanout-operator"), "--namespaces="+strings.Join(namespaces, ","),
		"--proxy-image=fanout:test", "--metrics-address="+p.metrics, "--health-address=0")
	cmd.Env = append(os.Environ(), "GOMEMLIMIT=256MiB", "KUBECONFIG="+kubeconfig(t, dir, apiserver.OperatorUser))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.id = cmd.Process.Pid
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// kubeconfig is a file with which a process is a user; an administrator where that is empty.
func kubeconfig(t *testing.T, dir, user string) string {
	t.Helper()
	c := clientcmdapi.NewConfig()
	c.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	c.AuthInfos["test"] = &clientcmdapi.AuthInfo{
		ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken, Impersonate: user,
	}
	c.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	c.CurrentContext = "test"
	file := filepath.Join(dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*c, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// passes is the number of passes that the operator has made.
func (p *process) passes() (n int) {
	r, _ := http.NewRequest(http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	for _, m := range regexp.MustCompile(`(?m)^controller_runtime_reconcile_total\{.*\} (\d+)$`).FindAllSubmatch(body, -1) {
		count, _ := strconv.Atoi(string(m[1]))
		n += count
	}
	return n
}

// memory is the most that was resident.
func (p *process) memory() string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.id))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
