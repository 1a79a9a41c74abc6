package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
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
	admin, context, kubeconfig, namespace, output, window string
	everywhere                                            bool
}

// wanted are the routes to show; an empty name or namespace is that of any.
type wanted struct{ namespace, name string }

func newStat() *cobra.Command {
	o := &statOptions{}
	cmd := &cobra.Command{
		Use:   "stat [NAME | NAMESPACE/NAME]",
		Short: "Show the success rate of each backend",
		Long: "Shows a row for each backend, added up over the Pods of a cluster: that of kubectl's current context, by KUBECONFIG or " +
			"~/.kube/config, or of --context or --kubeconfig, and there of the context's namespace, -n or -A. It takes the rights to " +
			"list pods and to get pods/proxy. With --admin, or where there is no current context, the row is that of a standalone proxy.",
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.admin, "admin", "", "URL of a standalone proxy's admin port (default "+defaultAdmin+" where there is no current context)")
	flags.StringVar(&o.context, "context", "", "context of the kubeconfig")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the routes; that of the context by default, all of a standalone proxy")
	flags.BoolVarP(&o.everywhere, "all-namespaces", "A", false, "routes of all namespaces")
	flags.StringVarP(&o.output, "output", "o", "table", "table or json")
	flags.StringVar(&o.window, "window", stats.Window5m, "1m, 5m or 1h")
	cmd.MarkFlagsMutuallyExclusive("namespace", "all-namespaces")
	cmd.MarkFlagsMutuallyExclusive("admin", "context")
	cmd.MarkFlagsMutuallyExclusive("admin", "kubeconfig")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return o.run(cmd, strings.Join(args, ""))
	}
	return cmd
}

func (o *statOptions) run(cmd *cobra.Command, only string) error {
	if o.window != stats.Window1m && o.window != stats.Window5m && o.window != stats.Window1h {
		return fmt.Errorf("--window %q is not 1m, 5m or 1h", o.window)
	}
	if o.output != "json" && o.output != "table" {
		return fmt.Errorf("output %q is neither table nor json", o.output)
	}
	w, err := o.wanted(only)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), statTimeout)
	defer cancel()
	routes, note, err := o.routes(ctx, w)
	if err != nil {
		return err
	}
	if note != nil {
		cmd.PrintErrln("fanoutctl:", note)
	}
	if len(routes) == 0 && only != "" {
		return fmt.Errorf("no proxy serves a route %q", only)
	}
	if o.output == "table" {
		return writeTable(cmd.OutOrStdout(), routes, o.window)
	}
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(append([]stats.RouteReport{}, routes...)); err != nil {
		return fmt.Errorf("write statistics: %w", err)
	}
	return nil
}

// wanted is what flags and argument say.
func (o *statOptions) wanted(only string) (wanted, error) {
	namespace, name, both := strings.Cut(only, "/")
	if !both {
		return wanted{o.namespace, only}, nil
	}
	if o.everywhere || o.namespace != "" && o.namespace != namespace {
		return wanted{}, fmt.Errorf("%q names a namespace, and so does a flag: leave one of them out", only)
	}
	return wanted{namespace, name}, nil
}

// routes are those of a cluster or of a standalone proxy. The note is what is missing in them.
func (o *statOptions) routes(ctx context.Context, w wanted) (routes []stats.RouteReport, note, err error) {
	if o.admin != "" {
		routes, err = proxyRoutes(ctx, o.admin, w)
		return routes, nil, err
	}
	c, err := o.cluster()
	switch {
	case err != nil:
		return nil, nil, err
	case c != nil:
		if w.namespace == "" && !o.everywhere {
			w.namespace = c.namespace
		}
		return c.routes(ctx, w)
	}
	if routes, err = proxyRoutes(ctx, defaultAdmin, w); err != nil {
		return nil, nil, fmt.Errorf("no cluster is asked, since no kubeconfig has a current context (name one by --kubeconfig and --context); nor does a standalone proxy answer (name one by --admin): %w", err)
	}
	return routes, nil, nil
}

// proxyRoutes are those of a standalone proxy.
func proxyRoutes(ctx context.Context, admin string, w wanted) ([]stats.RouteReport, error) {
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
	raw, err := io.ReadAll(io.LimitReader(response.Body, statLimit))
	if err != nil {
		return nil, fmt.Errorf("read statistics of proxy at %s: %w", admin, err)
	}
	report, err := stats.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("read statistics of proxy at %s: %w", admin, err)
	}
	var out []stats.RouteReport
	for i := range report.Routes {
		if r := &report.Routes[i]; (w.namespace == "" || r.Namespace == w.namespace) && (w.name == "" || r.Name == w.name) {
			out = append(out, *r)
		}
	}
	return out, nil
}
