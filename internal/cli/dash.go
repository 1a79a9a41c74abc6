package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/survey"
)

// dashOptions are the flags of fanoutctl dash.
type dashOptions struct {
	access

	port int
}

func newDash() *cobra.Command {
	o := &dashOptions{}
	cmd := &cobra.Command{
		Use:   "dash",
		Short: "Serve a page with routes, backends and live calls",
		Long: "Serves a page on loopback, for a browser on this machine: routes with what is wrong with each, a route's backends side by side, and its calls as they " +
			"run. It shows a cluster, that of kubectl's current context or of --context or --kubeconfig, by your own rights: to get and list fanoutroutes, pods and events, " +
			"to get pods/proxy, and the operator's Lease if it is yours to read. With --admin, or where there is no current context, it shows a standalone proxy, " +
			"such as that of fanoutctl run. Ctrl-C ends it.",
		Args: noArguments,
	}
	flags := cmd.Flags()
	flags.IntVar(&o.port, "port", 9092, "port of 127.0.0.1 to serve the page on; 0 for a free one")
	o.bindAll(cmd)
	o.bindAdmin(cmd, insteadOfNone)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return o.run(cmd) }
	return cmd
}

func (o *dashOptions) run(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	source, err := o.source()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port))) // never another address: who reaches it sees what you may see
	if err != nil {
		return fmt.Errorf("serve the page (another --port may be free): %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return fmt.Errorf("serve the page: %w", err)
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "page http://127.0.0.1:%s/\n", port); err != nil {
		return fmt.Errorf("say where the page is: %w", err)
	}
	server := &http.Server{
		Handler:           dashboard.New(dashboard.Options{Source: source, Hosts: dashboard.LoopbackHosts(port)}),
		ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10,
	}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page: %w", err)
	}
	return nil
}

// source is a cluster or a standalone proxy, as with stat.
func (o *dashOptions) source() (dashboard.Source, error) {
	if o.admin != "" {
		return dashboard.Proxy{Admin: o.admin}, nil
	}
	c, err := o.cluster()
	if err != nil {
		return nil, err
	}
	if c == nil {
		return dashboard.Proxy{Admin: defaultAdmin}, nil
	}
	namespace := o.namespace
	if namespace == "" && !o.everywhere {
		namespace = c.namespace
	}
	return &survey.Page{Cluster: c.Cluster, Namespace: namespace, Where: strings.TrimPrefix(strings.TrimPrefix(c.config.Host, "https://"), "http://")}, nil
}
