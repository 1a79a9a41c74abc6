package main

import (
	"flag"
	"fmt"
	"strings"

	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/fanout-operator/fanout/internal/lookout"
	"github.com/fanout-operator/fanout/internal/survey"
)

func dashboardFlags(flags *flag.FlagSet, o *lookout.Options) {
	flags.StringVar(&o.Address, "dashboard", "", "`IP:PORT` of a page with routes and live calls; none by default. On loopback it is for those who may forward a port of the Pod. "+
		"Elsewhere it takes --dashboard-tls, and each reader a token of the API server, who sees what it may get")
	flags.Func("dashboard-hosts", "comma-separated `list` of names under which the page is asked for, as NAME or NAME:PORT, beyond those of loopback and its Service; repeatable", func(value string) error {
		o.Hosts = append(o.Hosts, strings.Split(value, ",")...)
		return nil
	})
	flags.StringVar(&o.TLS, "dashboard-tls", "", "`folder` with tls.crt and tls.key of the page, as a Secret of type kubernetes.io/tls is mounted")
}

// proxiesAtOnce is how many proxies the page asks side by side: memory is bounded here.
const proxiesAtOnce = 8

// setUpDashboard adds the page.
func setUpDashboard(mgr ctrl.Manager, s *settings) error {
	where := s.identity()
	if where == "" {
		where = "of this operator"
	}
	server := &lookout.Server{Options: s.dashboard, Source: &survey.Page{Where: where, Cluster: survey.New(survey.Options{
		Objects: mgr.GetClient(), Live: mgr.GetAPIReader(), Proxies: survey.NewDirect(), AtOnce: proxiesAtOnce,
	})}}
	server.Hosts = append(server.Hosts, "fanout-dashboard."+s.proxies.Namespace+".svc")
	if !server.Loopback() {
		// A client of its own: questions about readers must not wait behind those of routes, nor
		// those of routes behind them.
		config := rest.CopyConfig(mgr.GetConfig())
		known, err := authentication.NewForConfig(config)
		if err != nil {
			return fmt.Errorf("set up dashboard: %w", err)
		}
		may, err := authorization.NewForConfig(config)
		if err != nil {
			return fmt.Errorf("set up dashboard: %w", err)
		}
		server.Gate = lookout.NewGate(known.TokenReviews(), may.SubjectAccessReviews(), mgr.GetLogger().WithName("dashboard"))
	}
	if err := mgr.Add(server); err != nil {
		return fmt.Errorf("set up dashboard: %w", err)
	}
	return nil
}
