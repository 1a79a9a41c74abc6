// Fanout-proxy is the data plane: it serves the routes of a document.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	stdlog "log"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/stats"

	// The image is empty but for two programs: this brings Mozilla's authorities.
	_ "golang.org/x/crypto/x509roots/fallback"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fanout-proxy:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	document, credentials string
	options               proxy.Options
	dialer                dial.Options
}

func parse(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("fanout-proxy", flag.ContinueOnError)
	flags.StringVar(&s.document, "document", "/etc/fanout/document/document.json", "`file` with the document")
	flags.StringVar(&s.credentials, "credentials", "/etc/fanout/credentials", "`folder` with the Secrets, NAMESPACE/SECRET/KEY")
	flags.StringVar(&s.options.Address, "address", "", "`host` on which the routes listen; all by default")
	flags.StringVar(&s.options.Admin, "admin", ":9091", "`host:port` of /livez, /readyz, /metrics and /status")
	flags.BoolVar(&s.dialer.AllowLoopback, "allow-loopback", false, "let backends be on loopback")
	flags.BoolVar(&s.options.RequireAllowedHosts, "require-allowed-hosts", false, "refuse Secrets without the key allowedHosts")
	flags.StringVar(&s.options.TokenHosts, "token-hosts", "", "`name` of the Secret whose keys allowedHosts and allowedTokenHosts stand beside the tokens of the service account, to be told where they forbid something")
	flags.BoolVar(&s.options.NamesByRoute, "names-by-route", false, "the Pod's hostAliases or DNS are the route's: send Secrets with the key allowedHosts to none of the names in it, to addresses alone")
	flags.BoolVar(&s.options.RequireMounts, "require-mounts", false, "refuse documents that read a Secret without a folder below credentials")
	flags.DurationVar(&s.options.DrainDelay, "drain-delay", 5*time.Second, "how long calls are accepted after SIGTERM")
	flags.DurationVar(&s.options.DrainTimeout, "drain-timeout", 0, "how long calls and streams may go on after drain-delay, before they are cut; 0 for as long as a call may take by its route's timeouts")
	flags.Int64Var(&s.options.MemoryBudget, "memory-budget", half(debug.SetMemoryLimit(-1)), "`bytes` that bodies may take; half of the memory limit (GOMEMLIMIT / 0.9) by default")
	flags.IntVar(&s.options.MaxConnections, "max-connections", 0, "how many connections clients may have, each of which reserves 64 KiB of memory-budget, half of it at the most; 0 for as many as a quarter of it has room for")
	flags.IntVar(&s.options.AccessLogSample, "access-log-sample", 100, "log one in so many complete calls of routes without accessLog; others always")
	flags.Func("deny-cidr", "`network` that no backend may be in; repeatable", func(value string) error {
		p, err := netip.ParsePrefix(value)
		if err != nil {
			return fmt.Errorf("parse network: %w", err)
		}
		s.dialer.Deny = append(s.dialer.Deny, p)
		return nil
	})
	flags.Func("latency-buckets", "upper `bounds` of classic buckets of latencies beside the native ones, such as 5ms,50ms,1s; none for no such bucket; steps of 1, 2.5 and 5 from 1ms to 50s by default", func(value string) (err error) {
		s.options.LatencyBuckets, err = stats.ReadBuckets(value)
		return err // shown with the flag's name
	})
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("parse flags: %w", err)
	}
	if err := s.options.Check(); err != nil {
		return nil, fmt.Errorf("check flags: %w", err)
	}
	// In a Pod this is the API server, which no backend may be.
	if addr, err := netip.ParseAddr(os.Getenv("KUBERNETES_SERVICE_HOST")); err == nil {
		s.dialer.Deny = append(s.dialer.Deny, netip.PrefixFrom(addr, addr.BitLen()))
	}
	return s, nil
}

// resolvConf holds the search list of the Pod.
const resolvConf = "/etc/resolv.conf"

// half of the memory that a limit of the runtime stands for, which is nine tenths of it;
// 0, for the default, where there is none.
func half(limit int64) int64 {
	if limit == math.MaxInt64 {
		return 0
	}
	return limit / 9 * 10 / 2
}

func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	// net/http's Transport tells the standard logger what a backend sends unasked, in up to
	// 4 KiB of its own words, as often as it does.
	stdlog.SetOutput(io.Discard)
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	s.options.Log = log
	s.dialer.ClusterDomain = dial.ClusterDomain(resolvConf)
	s.options.Queue = bulk.New()
	s.dialer.Queue = s.options.Queue
	s.options.Dialer = dial.New(s.dialer)
	s.options.Credentials = os.DirFS(s.credentials)
	p := proxy.New(s.options)
	folder := filepath.Dir(s.document)
	watcher, err := proxy.NewWatcher(log, folder, s.credentials)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	d := &documentFile{path: filepath.Clean(s.document), proxy: p, log: log}
	d.load()                                         //nolint:contextcheck // retired routes drain at their own pace
	go watcher.Run(ctx, func(c proxy.Changes) bool { //nolint:contextcheck // as above
		if len(c.Below(folder)) > 0 {
			d.load()
		}
		return p.ReloadCredentials(c.Below(s.credentials))
	})
	if err := p.Run(ctx); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// documentFile is the mounted document.
type documentFile struct {
	path    string
	proxy   *proxy.Proxy
	log     *slog.Logger
	refused string // why it was, when that was last logged
}

// load takes over the document as it is now. Until there is one, /readyz says so.
func (d *documentFile) load() {
	encoded, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = d.proxy.Load(encoded)
	}
	if err == nil {
		d.refused = ""
		return
	}
	if reason := err.Error(); reason != d.refused {
		d.refused = reason
		d.log.Error("document refused", "error", err)
	}
}
