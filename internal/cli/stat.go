package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/survey"
)

const (
	defaultAdmin = "http://127.0.0.1:9091"
	// insteadOfNone is what stat and dash do where nobody is named.
	insteadOfNone = " (default " + defaultAdmin + " where there is no current context)"
	// statTimeout bounds how long proxies may take for their answers.
	statTimeout = 5 * time.Second
	// leastInterval is how often proxies are asked with --watch at most.
	leastInterval = 500 * time.Millisecond
)

// statOptions are the flags of fanoutctl stat.
type statOptions struct {
	access

	output, window string
	watch          bool
	every          time.Duration
}

func newStat() *cobra.Command {
	o := &statOptions{}
	cmd := &cobra.Command{
		Use:   "stat [NAME | NAMESPACE/NAME]",
		Short: "Show the success rate of each backend",
		Long: "Shows a row for each backend, added up over the Pods of a cluster: that of kubectl's current context, by KUBECONFIG or " +
			"~/.kube/config, or of --context or --kubeconfig, and there of the context's namespace, -n or -A. It takes the rights to " +
			"list pods and to get pods/proxy. With --admin, or where there is no current context, the row is that of a standalone proxy.",
		Args: oneRouteOrAll,
	}
	flags := cmd.Flags()
	o.bindAll(cmd)
	o.bindAdmin(cmd, insteadOfNone)
	o.complete(cmd)
	flags.StringVarP(&o.output, "output", "o", "table", "table or json")
	flags.StringVar(&o.window, "window", stats.Window5m, "1m, 5m or 1h")
	flags.BoolVarP(&o.watch, "watch", "w", false, "show it again every --interval until you end it; a terminal is redrawn")
	flags.DurationVar(&o.every, "interval", 2*time.Second, "how often with --watch, 500ms or more")
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
	if o.every < leastInterval {
		return fmt.Errorf("--interval %v is less than %v", o.every, leastInterval)
	}
	if o.watch {
		return o.again(cmd, only)
	}
	return o.once(cmd, only)
}

// again shows statistics until somebody ends it. What cannot be asked now may be later.
func (o *statOptions) again(cmd *cobra.Command, only string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd.SetContext(ctx)
	screen := isTerminal(cmd.OutOrStdout())
	ticker := time.NewTicker(o.every)
	defer ticker.Stop()
	for {
		routes, note, err := o.ask(cmd, only)
		if ctx.Err() != nil {
			return nil // and what a terminal shows stays
		}
		if screen { // only now: while proxies are asked, it shows what was
			_, _ = fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J") // home, and clear
		}
		if err == nil {
			err = o.show(cmd, only, routes, note)
		}
		if err != nil {
			tellError(cmd, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (o *statOptions) once(cmd *cobra.Command, only string) error {
	routes, note, err := o.ask(cmd, only)
	if err != nil {
		return err
	}
	return o.show(cmd, only, routes, note)
}

// ask asks for what is wanted. The note is what is missing in it.
func (o *statOptions) ask(cmd *cobra.Command, only string) (routes []stats.RouteReport, note, err error) {
	w, err := o.wanted(only)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), statTimeout)
	defer cancel()
	return o.routes(ctx, w)
}

func (o *statOptions) show(cmd *cobra.Command, only string, routes []stats.RouteReport, note error) error {
	if note != nil {
		tellError(cmd, note)
	}
	if len(routes) == 0 && only != "" {
		return unserved(only, "")
	}
	if o.output == "table" {
		return writeTable(cmd.OutOrStdout(), routes, o.window)
	}
	return writeJSON(cmd.OutOrStdout(), append([]stats.RouteReport{}, routes...))
}

// routes are those of a cluster or of a standalone proxy. The note is what is missing in them.
func (o *statOptions) routes(ctx context.Context, w survey.Wanted) (routes []stats.RouteReport, note, err error) {
	if o.admin != "" {
		routes, err = proxyRoutes(ctx, o.admin, w)
		return routes, nil, err
	}
	c, err := o.cluster()
	switch {
	case err != nil:
		return nil, nil, err
	case c != nil:
		if w.Namespace == "" && !o.everywhere {
			w.Namespace = c.namespace
		}
		return c.Routes(ctx, w)
	}
	if routes, err = proxyRoutes(ctx, defaultAdmin, w); err != nil {
		return nil, nil, fmt.Errorf("no cluster is asked, since no kubeconfig has a current context (name one by --kubeconfig and --context); nor does a standalone proxy answer (name one by --admin): %w", err)
	}
	return routes, nil, nil
}
