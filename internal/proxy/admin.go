package proxy

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
)

// The admin port is for a kubelet, an operator and a few collectors of metrics.
const (
	adminConnections = 64
	adminHead        = 8 << 10
)

// admin is the admin port. Nothing secret stands on it.
type admin struct {
	http *http.Server
	done chan struct{}
}

func (p *Proxy) startAdmin() (*admin, error) {
	if p.options.Admin == "" {
		return nil, nil // no admin port: close takes nil
	}
	l, err := net.Listen("tcp", p.options.Admin)
	if err != nil {
		return nil, fmt.Errorf("listen on admin port: %w", err)
	}
	readers := newClients(adminConnections, 0)
	a := &admin{done: make(chan struct{}), http: &http.Server{
		Handler: held(p.AdminHandler()), ReadTimeout: headTimeout, WriteTimeout: writeTimeout, IdleTimeout: keepAlive,
		MaxHeaderBytes: adminHead, ConnState: readers.changed, ConnContext: withClient,
	}}
	go func() {
		defer close(a.done)
		_ = a.http.Serve(&listener{ // ends by Close alone
			Listener: l, clients: readers, secure: func() *tls.Config { return nil }, trusts: func(netip.Addr) bool { return false },
		})
	}()
	return a, nil
}

// held keeps the connections of requests that are being answered.
func held(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := clientOf(r); c != nil {
			c.calls.Add(1)
			defer c.calls.Add(-1)
		}
		next.ServeHTTP(w, r)
	})
}

func (a *admin) close() error {
	if a == nil {
		return nil
	}
	err := a.http.Close()
	<-a.done
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close admin port: %w", err)
	}
	return nil
}

// AdminHandler serves /livez, /readyz, /metrics, /status and /calls.
func (p *Proxy) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", p.readyz)
	mux.HandleFunc("GET /status", p.status)
	mux.HandleFunc("GET "+calls.Path, p.calls)
	mux.Handle("GET /metrics", newScrapes(p))
	return mux
}

func (p *Proxy) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := p.unready(); why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

func (p *Proxy) status(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()[stats.ParameterWindow]
	for _, name := range asked {
		if !stats.IsWindow(name) {
			http.Error(w, "the parameter window is 1m, 5m or 1h", http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p.Report(time.Now(), asked...)) // the reader's going away is its own business
}

// Report returns what /status says, with the windows of these names, or with all where there are none.
func (p *Proxy) Report(now time.Time, windows ...string) *stats.Report {
	report := &stats.Report{Version: stats.ReportVersion, Ready: p.Ready(), Routes: []stats.RouteReport{}}
	if reason := p.refused.Load(); reason != nil {
		report.Refused = *reason
	}
	current := p.plan.Load()
	if current == nil {
		return report
	}
	report.Document = current.hash
	for _, id := range current.order {
		report.Routes = append(report.Routes, current.routes[id].report(now, windows))
	}
	return report
}

func (r *route) report(now time.Time, windows []string) stats.RouteReport {
	report := stats.RouteReport{
		Namespace: r.config.Namespace,
		Name:      r.config.Name,
		Part:      r.part,
		Missing:   r.missing(now),
		Reported:  r.reported(now),
		Refused:   r.refusals.Report(now),
		Issuers:   r.reportIssuers(now),
		Windows:   r.calls.Windows(now, windows...),
		Store:     r.storeReport(),
	}
	report.Certificates = r.certificates(now)
	for _, b := range r.backends {
		of := b.answers.Report(now, b.name, windows...)
		of.Circuit = b.Circuit(now)
		report.Backends = append(report.Backends, of)
	}
	for _, s := range r.shadows {
		of := s.answers.Report(now, s.name, windows...)
		of.Circuit, of.Shadow = s.Circuit(now), true
		if s.config.Compare != routeconfig.CompareNone {
			of.Compared = s.results.total()
		}
		report.Backends = append(report.Backends, of)
	}
	return report
}

// missing lists the keys of Secrets and ConfigMaps that cannot be used now, and those that
// say that a Secret may not be sent to its backend.
func (r *route) missing(now time.Time) []stats.MissingKey {
	var list []stats.MissingKey
	for _, d := range r.reads {
		problem := d.Problem()
		if problem == nil {
			continue
		}
		keys := problem.Keys
		if len(keys) == 0 {
			keys = []string{""}
		}
		for _, key := range keys {
			m := stats.MissingKey{
				Key: key, Backend: d.backend, Field: d.field, Message: problem.Message, Stale: problem.Stale, Seconds: int64(now.Sub(problem.Since).Seconds()),
			}
			kind, name := d.Object()
			list = append(list, ofObject(m, kind, name))
		}
	}
	list = r.lacksKeys(list, now)
	for _, b := range r.backends {
		list = forbidden(list, b)
	}
	for _, s := range r.shadows {
		list = forbidden(list, &s.receiver)
	}
	return list
}

func forbidden(list []stats.MissingKey, b *receiver) []stats.MissingKey {
	for _, r := range b.Forbidden() {
		list = append(list, ofObject(stats.MissingKey{Key: r.Key, Backend: b.name, Message: r.Why}, r.Kind, r.Name))
	}
	return list
}

// ofObject says of which object a key is.
func ofObject(m stats.MissingKey, kind routeconfig.Kind, name string) stats.MissingKey {
	switch kind {
	case routeconfig.KindConfigMap:
		m.ConfigMap = name
	case routeconfig.KindToken:
		m.Audience = name
	default:
		m.Secret = name
	}
	return m
}
