// Package lookout is the page in the operator's own process: where it listens, and who may see
// what of it.
package lookout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/netutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fanout-operator/fanout/internal/dashboard"
)

const (
	// maxConnections bounds how many browsers and proxies are connected at once.
	maxConnections = 256
	// certificateEvery is how often a certificate is looked for that is not there yet.
	certificateEvery = 2 * time.Second
)

// Options are the flags of the page.
type Options struct {
	// Address is IP:PORT, or :PORT for all addresses. One of loopback is for those who may
	// forward a port of the Pod, and needs no more.
	Address string
	// Hosts are the names under which it is asked for, those of loopback aside.
	Hosts []string
	// TLS is a folder with tls.crt and tls.key, as a Secret of type kubernetes.io/tls is mounted;
	// they are read again when they change. Empty for none.
	TLS string
}

// Loopback reports whether nobody outside of the Pod reaches the page.
func (o *Options) Loopback() bool {
	at, err := netip.ParseAddrPort(o.Address)
	return err == nil && at.Addr().IsLoopback()
}

// Validate refuses what would show routes to anybody, or tokens to the network.
func (o *Options) Validate() error {
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return fmt.Errorf("--dashboard %q is no IP:PORT: write 127.0.0.1:9092 for kubectl port-forward, or :9443: %w", o.Address, err)
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return fmt.Errorf("--dashboard %q has no port from 1 to 65535", o.Address)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil {
		return fmt.Errorf("--dashboard %q names a host: write an IP address, such as 127.0.0.1, since a name may come to mean another", o.Address)
	}
	if o.TLS == "" && !o.Loopback() {
		return fmt.Errorf("--dashboard %q is reached from the network, where tokens are not sent in clear text: name a folder with a certificate by --dashboard-tls, or an address of loopback", o.Address)
	}
	for _, host := range o.Hosts {
		if host == "" || strings.ContainsAny(host, "/@*, ") {
			return fmt.Errorf("--dashboard-hosts %q is no name of a host, with or without a port", host)
		}
	}
	return nil
}

// names are the authorities of the page. On loopback the port is that of whoever forwards it.
func (o *Options) names() []string {
	return append([]string{"127.0.0.1", "localhost", "::1", "[::1]"}, o.Hosts...)
}

// Server serves the page, in each replica of the operator. It implements manager.Runnable.
type Server struct {
	Options

	Source dashboard.Source
	// Gate says who may see what. Loopback has none.
	Gate *Gate
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: all replicas have the figures.
func (*Server) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s *Server) Start(ctx context.Context) error {
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if l == nil {
		return nil // it ends before there is a certificate
	}
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
	}
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	logf.FromContext(ctx).Info("the page is served", "address", s.Address)
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page: %w", err)
	}
	return nil
}

func (s *Server) handler() http.Handler {
	o := dashboard.Options{Source: s.Source, Hosts: s.names()}
	if !s.Loopback() {
		o.Admit = s.Gate.Admit
	}
	return dashboard.New(o)
}

// listen opens the port, with TLS where there are files for it; nil where ctx ends first.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	var config *tls.Config
	if s.TLS != "" {
		w := s.certificate(ctx)
		if w == nil {
			return nil, nil
		}
		config = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: w.GetCertificate, NextProtos: []string{"http/1.1"}}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Address)
	if err != nil {
		return nil, fmt.Errorf("serve the page: %w", err)
	}
	l = netutil.LimitListener(l, maxConnections)
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}

// certificate waits for the files: routes are looked after without the page.
func (s *Server) certificate(ctx context.Context) (w *certwatcher.CertWatcher) {
	log, said := logf.FromContext(ctx), ""
	_ = wait.PollUntilContextCancel(ctx, certificateEvery, true, func(context.Context) (bool, error) {
		var err error
		if w, err = certwatcher.New(filepath.Join(s.TLS, corev1.TLSCertKey), filepath.Join(s.TLS, corev1.TLSPrivateKeyKey)); err != nil {
			if text := err.Error(); text != said {
				log.Info("the page waits for its certificate", "error", text)
				said = text
			}
			w = nil
			return false, nil
		}
		return true, nil
	})
	if w == nil {
		return nil
	}
	go func() {
		if err := w.Start(ctx); err != nil {
			log.Error(err, "the page's certificate is not read again when it changes")
		}
	}()
	return w
}
