package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/survey"
)

// askTimeout bounds what a command may ask the API server for.
const askTimeout = 20 * time.Second

func newGet() *cobra.Command {
	a := &access{}
	cmd := &cobra.Command{
		Use:   "get [NAME | NAMESPACE/NAME]",
		Short: "List routes with the first thing that is wrong with each",
		Long: "Lists FanoutRoutes as kubectl get does, with the reason of the first condition that is not as it should be, and its message. " +
			"Where the operator that writes the figures is gone, it says since when they are not written any more. With --admin it lists those of a standalone proxy.",
		Args: oneRouteOrAll,
	}
	a.bindAll(cmd)
	a.bindAdmin(cmd, "")
	a.complete(cmd)
	output := cmd.Flags().StringP("output", "o", "table", "table or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "table" && *output != "json" {
			return fmt.Errorf("output %q is neither table nor json", *output)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
		defer cancel()
		rows, err := a.rows(ctx, strings.Join(args, ""))
		if err != nil {
			return err
		}
		if *output == "json" {
			return writeJSON(cmd.OutOrStdout(), rows)
		}
		if len(rows) == 0 {
			cmd.PrintErrln("fanoutctl: there is no route; another namespace is named by -n, all by -A")
		}
		return writeRows(cmd.OutOrStdout(), rows, a.everywhere || a.admin != "" && a.namespace == "")
	}
	return cmd
}

// rows are the routes of a cluster or of a standalone proxy.
func (a *access) rows(ctx context.Context, only string) ([]survey.Row, error) {
	if a.admin != "" {
		return a.standaloneRows(ctx, only)
	}
	c, w, err := a.open(only)
	if err != nil {
		return nil, err
	}
	routes, err := c.List(ctx, w)
	if err != nil {
		return nil, err
	}
	return c.Rows(ctx, routes, time.Now()), nil
}

func writeRows(out io.Writer, rows []survey.Row, everywhere bool) error {
	p, w := paintFor(out), tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	head := "NAME\t" + p.cell(plain, "READY") + "\tREASON\tBACKENDS\tSUCCESS\tP99\tRATE\tAGE\tMESSAGE"
	if everywhere {
		head = "NAMESPACE\t" + head
	}
	_, _ = fmt.Fprintln(w, head)
	for _, r := range rows {
		if everywhere {
			_, _ = fmt.Fprint(w, cellText(r.Namespace)+"\t")
		}
		message := r.Message
		if r.Stale != "" {
			message = "as of " + r.Stale + " ago, the operator is gone. " + message
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cellText(r.Name), p.cell(shadeOfRow(&r), r.Ready), r.Reason, r.Backends, r.Success, r.P99, r.Rate, r.Age, cellText(message))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	return nil
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// textOrJSON refuses another output.
func textOrJSON(output string) error {
	if output != "text" && output != "json" {
		return fmt.Errorf("output %q is neither text nor json", output)
	}
	return nil
}
