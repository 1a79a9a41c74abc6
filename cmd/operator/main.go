// Fanout-operator is the control plane: it turns FanoutRoutes into running proxies
// and reports how they are doing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/controllers"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/lookout"
	"github.com/fanout-operator/fanout/internal/process"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fanout-operator:", err)
		os.Exit(1)
	}
}

// leaseName is that of the Lease by which one of several operators leads. Other operators
// may read Leases of this name alone.
const leaseName = "fanout-operator"

// identity names the operator's Lease, whichever of its Pods leads; nothing without one.
func (s *settings) identity() string {
	namespace := s.leaderNamespace
	if namespace == "" {
		namespace = s.proxies.Namespace
	}
	if !s.leaderElect || namespace == "" {
		return ""
	}
	return namespace + "/" + leaseName
}

// settings are the flags.
type settings struct {
	namespaces                  []string
	leaderElect                 bool
	leaderNamespace             string
	metricsAddress, healthProbe string
	workers                     int
	pollInterval                time.Duration
	crossNamespace              bool
	credentialHeaders           []string
	rateLimitStore              *v1alpha1.RateLimitStore
	proxies                     desired.Options
	injector                    string
	watchSecrets                bool
	dashboard                   lookout.Options
	fence                       *process.Fence
}

func parse(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("fanout-operator", flag.ContinueOnError)
	flags.Func("namespaces", "comma-separated `list` of namespaces to watch; all by default", func(value string) error {
		s.namespaces = append(s.namespaces, strings.Split(value, ",")...)
		return nil
	})
	flags.BoolVar(&s.leaderElect, "leader-elect", false, "let one of several operators work at a time")
	flags.StringVar(&s.leaderNamespace, "leader-election-namespace", "", "`namespace` of the lease; the operator's own by default")
	flags.StringVar(&s.metricsAddress, "metrics-address", ":8080", "`host:port` of /metrics; 0 for none")
	flags.StringVar(&s.healthProbe, "health-address", ":8081", "`host:port` of /healthz and /readyz; 0 for none")
	flags.IntVar(&s.workers, "workers", 4, "how many routes are reconciled at once")
	flags.DurationVar(&s.pollInterval, "poll-interval", 5*time.Second, "how often proxies are asked for their statistics")
	flags.BoolVar(&s.crossNamespace, "allow-cross-namespace", false, "let backends be Services of other namespaces, by url")
	flags.Func("credential-headers", "comma-separated `list` of fields that carry callers' credentials, beyond those that do by custom; repeatable", func(value string) error {
		names, err := compile.HeaderNames(value)
		s.credentialHeaders = append(s.credentialHeaders, names...)
		return err // shown with the flag's name
	})
	flags.Func("rate-limit-store", "where limits with scope Route are counted whose route names no store: `JSON` as that of spec.rateLimitStore; its Secrets are those of the route's namespace", func(value string) (err error) {
		s.rateLimitStore, err = compile.ReadStore(value)
		return err // shown with the flag's name
	})
	flags.StringVar(&s.proxies.Image, "proxy-image", "", "`image` of the proxies; that of the operator's own Pod by default")
	flags.Func("proxy-image-pull-secret", "`name` of a Secret, in the namespace of each route, with which nodes pull the proxies' image; repeatable", func(value string) error {
		if problems := content.IsDNS1123Subdomain(value); len(problems) > 0 {
			return fmt.Errorf("is no name of a Secret: %s", strings.Join(problems, "; "))
		}
		s.proxies.ImagePullSecrets = append(s.proxies.ImagePullSecrets, value)
		return nil
	})
	flags.BoolVar(&s.proxies.OmitUser, "omit-user", false, "leave runAsUser, runAsGroup and fsGroup out of proxies' Pods and sidecars, for platforms that choose them, such as OpenShift")
	flags.StringVar(&s.injector, "injector", "", "`name` of the Service and of the webhook that inject sidecars; none by default")
	flags.BoolVar(&s.watchSecrets, "watch-secrets", false, "watch the metadata of Secrets, so that a rotated one reaches its proxies at once")
	flags.Func("deny-cidr", "`network` that no backend may be in; repeatable", func(value string) error {
		if _, err := netip.ParsePrefix(value); err != nil {
			return fmt.Errorf("parse network: %w", err)
		}
		s.proxies.Args = append(s.proxies.Args, "--deny-cidr="+value)
		return nil
	})
	flags.Func("latency-buckets", "upper `bounds` of classic buckets of latencies in the metrics of proxies, such as 5ms,50ms,1s; none for no such bucket", func(value string) error {
		_, err := stats.ReadBuckets(value)
		s.proxies.Args = append(s.proxies.Args, "--latency-buckets="+value)
		return err // shown with the flag's name
	})
	flags.BoolFunc("require-allowed-hosts", "refuse Secrets without the key allowedHosts", func(string) error {
		s.proxies.Args = append(s.proxies.Args, "--require-allowed-hosts")
		return nil
	})
	dashboardFlags(flags, &s.dashboard)
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("parse flags: %w", err)
	}
	if s.dashboard.Address != "" {
		if err := s.dashboard.Validate(); err != nil {
			return nil, fmt.Errorf("parse flags: %w", err)
		}
	}
	return s, nil
}

func run(args []string) error {
	s, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, nil)))
	collectEarly()
	leaveATenth()
	ctx := ctrl.SetupSignalHandler()
	mgr, err := newManager(ctx, s)
	if err != nil {
		return err
	}
	if err := setUp(ctx, mgr, s); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

func newManager(ctx context.Context, s *settings) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("set up scheme: %w", err)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find cluster: %w", err)
	}
	if err := waitForAPIServer(ctx, config); err != nil {
		return nil, err
	}
	// With the default of 20 the children of 500 routes take minutes, and an edit waits
	// behind them; the API server defends itself (priority and fairness).
	config.QPS, config.Burst = 100, 200
	s.fence = process.NewFence(time.Now())
	if s.leaderElect {
		config.Wrap(s.fence.Wrap)
	}
	cacheOptions, err := controllers.CacheOptions(s.namespaces)
	if err != nil {
		return nil, fmt.Errorf("set up cache: %w", err)
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions,
		LeaderElection:                s.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       s.leaderNamespace,
		LeaderElectionReleaseOnCancel: true,
		Metrics:                       server.Options{BindAddress: s.metricsAddress},
		HealthProbeBindAddress:        s.healthProbe,
	})
	if err != nil {
		return nil, fmt.Errorf("set up manager: %w", err)
	}
	if s.leaderElect {
		if err := mgr.Add(s.fence); err != nil {
			return nil, fmt.Errorf("set up fence: %w", err)
		}
	}
	return mgr, nil
}

// setUp wires the parts together.
func setUp(ctx context.Context, mgr ctrl.Manager, s *settings) error {
	s.proxies.Namespace = os.Getenv("POD_NAMESPACE")
	s.proxies.Operator = s.identity()
	if s.proxies.Image == "" {
		image, err := process.OwnImage(ctx, mgr.GetAPIReader(), s.proxies.Namespace, os.Getenv("POD_NAME"))
		if err != nil {
			return fmt.Errorf("find the proxies' image (or set --proxy-image): %w", err)
		}
		s.proxies.Image = image
	}
	audiences := process.APIAudiences(mgr.GetConfig())
	if len(audiences) == 0 {
		mgr.GetLogger().Info("audiences of the API server unknown: routes are refused those that it has by default")
	}
	moved := make(controllers.Events, 1024)
	poller := rates.New(rates.NewHTTPFetcher(), s.pollInterval, moved.Moved)
	r := &controllers.RouteReconciler{
		Client:   mgr.GetClient(),
		Live:     mgr.GetAPIReader(),
		Recorder: mgr.GetEventRecorder("fanout-operator"),
		Rates:    poller,
		Compile:  compile.Options{ListenPort: desired.CallsPort, AllowCrossNamespace: s.crossNamespace, CredentialHeaders: s.credentialHeaders, RateLimitStore: s.rateLimitStore, APIAudiences: audiences},
		Proxies:  s.proxies,

		WatchSecrets: s.watchSecrets, Namespaces: s.namespaces,
	}
	if s.injector != "" {
		if err := setUpInjector(mgr, s, r.Compile); err != nil {
			return err
		}
	}
	if s.dashboard.Address != "" {
		if err := setUpDashboard(mgr, s); err != nil {
			return err
		}
	}
	if err := errors.Join(r.SetUp(ctx, mgr, moved, s.workers), register(r.Collector(), poller, s.fence.Collector(mgr.Elected()))); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(poller.Run)); err != nil {
		return fmt.Errorf("add poller: %w", err)
	}
	if err := errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return fmt.Errorf("add probes: %w", err)
	}
	return nil
}
