// Package cli holds fanoutctl's commands. Results go to standard output, all else
// to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// ErrReported says that what is wrong has been printed already.
var ErrReported = errors.New("reported")

// New returns the command fanoutctl, which is kubectl-fanout too.
func New(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "fanoutctl",
		Short: "Run, check and watch FanoutRoutes",
		Long: "fanoutctl runs FanoutRoutes without a cluster, checks manifests as the API server would, says what an apply would change, and finds " +
			"out why a route does not do what it should.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newRun(), newLint(), newRender(), newDiff(),
		newGet(), newStatus(), newStat(), newDash(), newTry(), newLogs(), newCheck(), newVersion(),
	)
	return root
}

// manifestFlags adds -f.
func manifestFlags(cmd *cobra.Command) *[]string {
	paths := cmd.Flags().StringArrayP("filename", "f", nil, "file, folder with its subfolders, or - for standard input, with FanoutRoutes, Secrets and ConfigMaps; repeatable")
	cobra.CheckErr(cmd.MarkFlagRequired("filename"))
	return paths
}

// Main runs fanoutctl and returns the exit code.
func Main(args []string) int {
	log.SetLogger(logr.Discard()) // else controller-runtime's client writes a stack trace to stderr after 30 s
	root := New(os.Stdin, os.Stdout, os.Stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	if err != nil && !errors.Is(err, ErrReported) {
		tellError(root, err)
	}
	if err != nil {
		return 1
	}
	return 0
}
