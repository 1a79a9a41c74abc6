package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ours runs the program of `make cluster-up`, for what the API cannot do to a node.
// Where KUBECONFIG chose another cluster, the test is for ours alone.
func ours(t *testing.T, args ...string) {
	t.Helper()
	onlyOurs(t)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join("..", "..", "bin", "cluster"),
		append([]string{"-dir", filepath.Join("..", "..", ".cluster")}, args...)...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cluster %v: %v: %s", args, err, output)
	}
}

func onlyOurs(t *testing.T) {
	t.Helper()
	if os.Getenv("KUBECONFIG") != "" {
		t.Skip("this test stops parts of the node: it runs on the cluster of `make cluster-up` alone")
	}
}
