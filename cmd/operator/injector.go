package main

import (
	"crypto/tls"
	"errors"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/injector"
)

// setUpInjector adds the webhook that injects sidecars, on port 9443.
func setUpInjector(mgr ctrl.Manager, s *settings, o compile.Options) error {
	// Not the manager's client: its cache would watch all webhooks for one.
	direct, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme()})
	if err != nil {
		return fmt.Errorf("set up injector: %w", err)
	}
	trust := &injector.Trust{
		Client: direct, Webhook: s.injector, Host: s.injector + "." + s.proxies.Namespace + ".svc",
	}
	server := webhook.NewServer(webhook.Options{TLSOpts: []func(*tls.Config){
		func(c *tls.Config) { c.GetCertificate = trust.GetCertificate },
	}})
	server.Register("/inject", &webhook.Admission{Handler: &injector.Handler{
		Client: mgr.GetClient(), Compile: o, Proxies: s.proxies, Namespaces: s.namespaces,
	}})
	if err := errors.Join(mgr.Add(server), mgr.Add(trust),
		mgr.AddReadyzCheck("injector", server.StartedChecker()), mgr.AddReadyzCheck("trust", trust.Ready)); err != nil {
		return fmt.Errorf("set up injector: %w", err)
	}
	return nil
}
