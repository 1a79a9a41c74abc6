package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	defaultAdmin = "http://127.0.0.1:9091"
	// statTimeout and statLimit bound what one proxy may take of us.
	statTimeout = 5 * time.Second
	statLimit   = 8 << 20
)

// statOptions are the flags of fanoutctl stat.
type statOptions struct {
	admin, context, kubeconfig, output, window string
}

func newStat() *cobra.Command {
	o := &statOptions{}
	cmd := &cobra.Command{
		Use:   "stat [NAMESPACE/NAME]",
		Short: "Show the success rate of each backend",
		Long: "Shows a row for each backend, live from a standalone proxy (--admin), or added up over the Pods of a " +
			"cluster (--context or --kubeconfig), which takes the right to get pods/proxy.",
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.admin, "admin", "", "URL of a proxy's admin port (default "+defaultAdmin+")")
	flags.StringVar(&o.context, "context", "", "context of the kubeconfig")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster")
	flags.StringVarP(&o.output, "output", "o", "table", "table or json")
	flags.StringVar(&o.window, "window", stats.Window5m, "1m, 5m or 1h")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		only := ""
		if len(args) > 0 {
			only = args[0]
		}
		return o.run(cmd.Context(), cmd.OutOrStdout(), only)
	}
	return cmd
}

func (o *statOptions) run(ctx context.Context, out io.Writer, only string) error {
	if o.window != stats.Window1m && o.window != stats.Window5m && o.window != stats.Window1h {
		return fmt.Errorf("--window %q is not 1m, 5m or 1h", o.window)
	}
	ctx, cancel := context.WithTimeout(ctx, statTimeout)
	defer cancel()
	routes, err := o.routes(ctx)
	if err != nil {
		return err
	}
	if only != "" {
		routes = filter(routes, only)
		if len(routes) == 0 {
			return fmt.Errorf("no proxy serves a route %q; write it as NAMESPACE/NAME", only)
		}
	}
	switch o.output {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(routes); err != nil {
			return fmt.Errorf("write statistics: %w", err)
		}
		return nil
	case "table":
		return writeTable(out, routes, o.window)
	}
	return fmt.Errorf("output %q is neither table nor json", o.output)
}

func (o *statOptions) routes(ctx context.Context) ([]stats.RouteReport, error) {
	if o.admin == "" && (o.context != "" || o.kubeconfig != "") {
		return clusterRoutes(ctx, o.kubeconfig, o.context)
	}
	admin := o.admin
	if admin == "" {
		admin = defaultAdmin
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(admin, "/")+"/status", nil)
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("ask proxy at %s: %w", admin, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask proxy at %s: status %s", admin, response.Status)
	}
	return decodeReport(io.LimitReader(response.Body, statLimit))
}

func decodeReport(in io.Reader) ([]stats.RouteReport, error) {
	report := stats.Report{}
	if err := json.NewDecoder(in).Decode(&report); err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	return report.Routes, nil
}

func filter(routes []stats.RouteReport, id string) []stats.RouteReport {
	for i := range routes {
		if routes[i].Namespace+"/"+routes[i].Name == id {
			return routes[i : i+1]
		}
	}
	return nil
}

func writeTable(out io.Writer, routes []stats.RouteReport, window string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ROUTE\tBACKEND\tSUCCESS\tRATE\tP50\tP95\tP99\tSUCCEEDED\tFAILED\tREJECTED\tCANCELED\tSKIPPED")
	for i := range routes {
		r := &routes[i]
		for j := range r.Backends {
			b := r.Backends[j].Windows[window]
			rate, ok := b.Answers.SuccessRate()
			_, _ = fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n",
				r.Namespace, r.Name, r.Backends[j].Name, stats.Percent(rate, ok),
				stats.PerSecond(b.Answers.Total(), b.Seconds),
				stats.Short(b.Duration.Quantile(0.50)), stats.Short(b.Duration.Quantile(0.95)), stats.Short(b.Duration.Quantile(0.99)),
				b.Answers.Succeeded, b.Answers.FailedTotal(), b.Answers.RejectedTotal(), b.Answers.Canceled, b.Answers.Skipped)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write statistics: %w", err)
	}
	return nil
}
