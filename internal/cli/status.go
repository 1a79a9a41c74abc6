package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func newStatus() *cobra.Command {
	a := &access{}
	cmd := &cobra.Command{
		Use:   "status NAME | NAMESPACE/NAME",
		Short: "Say how a route is doing, and what to do next",
		Long: "Walks what belongs to a route: its conditions and backends, its Pods, the document that each of them serves and the keys that it lacks, " +
			"and the newest events; then it says what to do next. It ends with 1 where something is wrong.",
		Args: cobra.ExactArgs(1),
	}
	a.bind(cmd)
	a.complete(cmd)
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := textOrJSON(*output); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
		defer cancel()
		c, w, err := a.open(args[0])
		if err != nil {
			return err
		}
		found, err := c.Walk(ctx, w, time.Now())
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
