package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/schema"
)

// runner is fanoutctl run.
type runner struct {
	paths   *[]string
	address string
	admin   string
	resolve []string
	watch   bool
	sample  int
	compile compile.Options

	schema  *schema.Schema
	mounted *memory
	proxy   *proxy.Proxy
	bad     bool // what was read last has a fault
	out     io.Writer
	errOut  io.Writer

	mu sync.Mutex // guards what follows
	// wanted is what is to be served; failed says why it is not, where it is not yet.
	wanted *manifests
	failed string
	told   map[string]string // the ready lines that are out, by NAMESPACE/NAME
	warned map[string]string // what was said of routes that are not where they want to be
}

// retryEvery is after how long what could not be had is tried again.
const retryEvery = time.Second

func newRun() *cobra.Command {
	r := &runner{told: map[string]string{}, warned: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "run -f PATH",
		Short: "Serve FanoutRoutes on this machine, without a cluster",
		Long: "Serves every route on its own port, with the data plane that the operator runs; one whose port is taken " +
			"listens on a free one, and with --watch moves to its own when that is free. " +
			"Prints a line for each route that is ready or has moved; Ctrl-C drains, a second one ends at once.",
		Example: "  fanoutctl run -f route.yaml -f secrets.yaml --resolve shop/orders:8080=127.0.0.1:3000",
		Args:    manifestsOnly,
	}
	r.paths = manifestFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&r.address, "address", "127.0.0.1", "host to listen on")
	flags.StringVar(&r.admin, "admin", "127.0.0.1:9091", "host:port of /livez, /readyz, /metrics and /status; empty for none")
	flags.StringArrayVar(&r.resolve, "resolve", nil, "NAMESPACE/SERVICE:PORT=HOST:PORT of a backend that is a Service; repeatable")
	flags.Func("credential-headers", "comma-separated fields that carry callers' credentials, as the operator's flag", func(value string) error {
		names, err := compile.HeaderNames(value)
		r.compile.CredentialHeaders = append(r.compile.CredentialHeaders, names...)
		return err // shown with the flag's name
	})
	storeFlag(cmd, &r.compile)
	flags.BoolVar(&r.watch, "watch", false, "take over changed files; a bad edit keeps the last good state")
	flags.IntVar(&r.sample, "access-log-sample", 1, "log one in so many complete calls of routes without proxy.accessLog; others always")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.run(cmd) }
	return cmd
}

func (r *runner) run(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	r.out, r.errOut = cmd.OutOrStdout(), cmd.ErrOrStderr()
	resolve, err := parseResolve(r.resolve)
	if err != nil {
		return err
	}
	if r.schema, err = schema.New(); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(r.errOut, nil))
	watcher, err := r.newWatcher(log) // before the files are read, so that no change is missed
	if err != nil {
		return err
	}
	m := r.read(cmd.InOrStdin())
	if r.report(m) {
		return ErrReported
	}
	r.mounted = newMemory(m.mounted)
	r.proxy = proxy.New(proxy.Options{
		Credentials: r.mounted, Log: log, Address: r.address, FreePorts: true, Admin: r.admin,
		Dialer: dial.New(dial.Options{
			AllowLoopback: true, Resolve: resolve, ClusterDomain: dial.ClusterDomain("/etc/resolv.conf"),
		}),
		AccessLogSample: r.sample,
	})
	if err := r.load(m); err != nil {
		return err
	}
	if watcher != nil {
		go watcher.Run(ctx, func(proxy.Changes) bool {
			r.reload()
			return true
		})
		go r.retry(ctx)
	}
	if err := r.proxy.Run(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// report prints what is wrong, and says whether anything is.
func (r *runner) report(m *manifests) bool {
	for _, line := range m.ignored {
		_, _ = fmt.Fprintf(r.errOut, "ignored: %s\n", line)
	}
	writeNotes(r.errOut, m)
	for _, f := range m.faults {
		_, _ = fmt.Fprintln(r.errOut, f)
	}
	return len(m.faults) > 0
}

// load serves what the manifests say, and tells where.
func (r *runner) load(m *manifests) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = m
	return r.serve()
}

func (r *runner) serve() error {
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: r.wanted.routes})
	if err != nil {
		return fmt.Errorf("encode routes: %w", err)
	}
	if err := r.proxy.Load(encoded); err != nil {
		return fmt.Errorf("serve routes: %w", err)
	}
	r.tell()
	return nil
}

// tell prints a line for each route that is new, or has moved to another port or scheme,
// and says which are not where they want to be.
func (r *runner) tell() {
	schemes := map[string]string{}
	for i := range r.wanted.routes {
		id := r.wanted.routes[i].Namespace + "/" + r.wanted.routes[i].Name
		schemes[id] = "http"
		if r.wanted.routes[i].Listener.TLSSecret != "" {
			schemes[id] = "https"
		}
	}
	told, warned := map[string]string{}, map[string]string{}
	for _, l := range r.proxy.Listening() {
		if l.Refused != nil {
			warned[l.Route] = fmt.Sprintf("fanoutctl: route %s cannot have port %d (%v), and listens on %s%s\n",
				l.Route, l.Port, l.Refused, l.Address, map[bool]string{true: " until it can"}[r.watch])
		}
		if r.warned[l.Route] != warned[l.Route] {
			_, _ = io.WriteString(r.errOut, warned[l.Route])
		}
		told[l.Route] = fmt.Sprintf("route %s %s://%s\n", l.Route, schemes[l.Route], l.Address)
		if r.told[l.Route] != told[l.Route] {
			_, _ = io.WriteString(r.out, told[l.Route])
		}
	}
	r.told, r.warned = told, warned
}

// retry tries again to serve what could not be served, and to have the ports that could
// not be had.
func (r *runner) retry(ctx context.Context) {
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.again() //nolint:contextcheck // servers end by the drain, not with this loop
		}
	}
}

func (r *runner) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != "" {
		r.note(r.serve())
		return
	}
	r.proxy.Reclaim()
	r.tell()
}

// note says, once, why what is wanted is not served.
func (r *runner) note(err error) {
	failed := ""
	if err != nil {
		failed = err.Error()
	}
	if failed != "" && failed != r.failed {
		_, _ = fmt.Fprintln(r.errOut, "fanoutctl:", failed)
	}
	r.failed = failed
}

// newWatcher watches the files, where that is asked for.
func (r *runner) newWatcher(log *slog.Logger) (*proxy.Watcher, error) {
	if !r.watch {
		return nil, nil // nothing is asked for
	}
	var folders []string
	for _, path := range *r.paths {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			path = filepath.Dir(path) // editors replace files
		}
		folders = append(folders, path)
	}
	watcher, err := proxy.NewWatcher(log, folders...)
	if err != nil {
		return nil, fmt.Errorf("watch manifests: %w", err)
	}
	return watcher, nil
}

// reload keeps the last good state where anything is wrong.
func (r *runner) reload() {
	m := r.read(strings.NewReader(""))
	if bad := r.report(m); bad || r.bad {
		said := "the manifests are good again, and taken over"
		if bad {
			said = "the last good manifests are served on"
		}
		_, _ = fmt.Fprintln(r.errOut, "fanoutctl:", said)
		if r.bad = bad; bad {
			return
		}
	}
	r.mounted.swap(m.mounted)
	r.proxy.ReloadCredentials([]string{"."})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = m
	r.note(r.serve())
}

// parseResolve turns NAMESPACE/SERVICE:PORT=HOST:PORT into what the proxy dials.
func parseResolve(flags []string) (map[string]string, error) {
	resolve := map[string]string{}
	for _, flag := range flags {
		from, to, ok := strings.Cut(flag, "=")
		namespace, service, slash := strings.Cut(from, "/")
		name, port, err := net.SplitHostPort(service)
		_, _, errTo := net.SplitHostPort(to)
		if !ok || !slash || err != nil || errTo != nil || namespace == "" || name == "" {
			return nil, fmt.Errorf("--resolve %q is not NAMESPACE/SERVICE:PORT=HOST:PORT", flag)
		}
		resolve[net.JoinHostPort(name+"."+namespace+".svc", port)] = to
	}
	return resolve, nil
}
