package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/survey"
)

func newStatus() *cobra.Command {
	a := &access{}
	cmd := &cobra.Command{
		Use:   "status NAME | NAMESPACE/NAME",
		Short: "Say how a route is doing, and what to do next",
		Long: "Walks what belongs to a route: its conditions and backends, its Pods, the document that each of them serves and the keys that it lacks, " +
			"and the newest events; then it says what to do next. It ends with 1 where something is wrong. With --admin the route is that of a standalone proxy.",
		Args: oneRoute,
	}
	a.bind(cmd)
	a.bindAdmin(cmd, "")
	a.complete(cmd)
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := textOrJSON(*output); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
		defer cancel()
		found, err := a.walk(ctx, args[0])
		if err != nil {
			return err
		}
		if *output == "json" {
			err = writeJSON(cmd.OutOrStdout(), found)
		} else {
			err = writeWalked(cmd.OutOrStdout(), found)
		}
		if err == nil && len(found.Next) > 0 {
			return ErrReported
		}
		return err
	}
	return cmd
}

// walk is a route of a cluster or of a standalone proxy.
func (a *access) walk(ctx context.Context, name string) (*survey.Walked, error) {
	if a.admin != "" {
		return a.standaloneWalk(ctx, name)
	}
	c, w, err := a.open(name)
	if err != nil {
		return nil, err
	}
	return c.Walk(ctx, w, time.Now())
}
