// Package proxytest runs proxies in the process of a test.
package proxytest

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// Proxy is a proxy that runs until the end of the test.
type Proxy struct {
	*proxy.Proxy

	Secrets *testkit.Secrets
	Log     *testkit.Log
	// Stop begins the drain, Stopped is closed at its end.
	Stop    context.CancelFunc
	Stopped <-chan struct{}

	t         testing.TB
	transport *http.Transport
	mu        sync.Mutex
	addresses map[string]string
}

// Serve runs a proxy on loopback. What o leaves open is filled in.
func Serve(t testing.TB, o proxy.Options, routes ...routeconfig.Route) *Proxy {
	t.Helper()
	return ServeWith(t, testkit.NewSecrets(t), o, routes...)
}

// ServeWith is Serve with Secrets that are there before.
func ServeWith(t testing.TB, secrets *testkit.Secrets, o proxy.Options, routes ...routeconfig.Route) *Proxy {
	t.Helper()
	p := &Proxy{Secrets: secrets, Log: &testkit.Log{}, t: t, addresses: map[string]string{}, transport: &http.Transport{}}
	return p.start(o, routes)
}

func (p *Proxy) start(o proxy.Options, routes []routeconfig.Route) *Proxy {
	p.t.Helper()
	o.Credentials = os.DirFS(p.Secrets.Dir)
	if o.Log == nil {
		o.Log = slog.New(slog.NewJSONHandler(p.Log, nil))
	}
	if o.Dialer == nil {
		o.Dialer = dial.New(dial.Options{AllowLoopback: true})
	}
	if o.Listen == nil {
		o.Listen = p.listen
	}
	o.Queue = bulk.New()
	p.t.Cleanup(o.Queue.Close)
	p.Proxy = proxy.New(o)
	p.Load(routes...)
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	p.Stop, p.Stopped = stop, stopped
	watcher, err := proxy.NewWatcher(slog.New(slog.DiscardHandler), p.Secrets.Dir)
	if err != nil {
		p.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		watcher.Run(ctx, func(c proxy.Changes) bool { return p.ReloadCredentials(c.Below(p.Secrets.Dir)) })
	})
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			p.t.Error(err)
		}
		close(stopped)
	})
	p.t.Cleanup(func() {
		p.transport.CloseIdleConnections()
		stop()
		running.Wait()
	})
	return p
}

func (p *Proxy) listen(r *routeconfig.Route) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addresses[r.Namespace+"/"+r.Name] = l.Addr().String()
	return l, nil
}

// Encode is the document of some routes.
func Encode(t testing.TB, routes ...routeconfig.Route) []byte {
	t.Helper()
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: routes})
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// Load takes over a document.
func (p *Proxy) Load(routes ...routeconfig.Route) {
	p.t.Helper()
	if err := p.Proxy.Load(Encode(p.t, routes...)); err != nil {
		p.t.Fatal(err)
	}
}

// Address is host:port of a route in the usual namespace.
func (p *Proxy) Address(route string) string { return p.AddressOf(testkit.Namespace + "/" + route) }

// AddressOf is host:port of a route by NAMESPACE/NAME.
func (p *Proxy) AddressOf(id string) string {
	for _, l := range p.Listening() {
		if l.Route == id {
			return l.Address.String()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses[id]
}

// Response is one whole response.
type Response struct {
	Status int
	Header http.Header
	Body   string
	// Close says that the connection is not used again.
	Close bool
}

// Do sends a request to a route; the target is raw.
func (p *Proxy) Do(method, route, target, body string, fields ...string) Response {
	p.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.Address(route)+target, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return p.Send(r)
}

// Send sends a request.
func (p *Proxy) Send(r *http.Request) Response {
	p.t.Helper()
	response, err := p.transport.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return Response{response.StatusCode, response.Header, string(body), response.Close}
}

// Answers is what statistics say of a backend in the last minute.
func (p *Proxy) Answers(route string, backend int) stats.Answers {
	return p.route(route).Backends[backend].Windows.Of(stats.Window1m).Answers
}

// Calls is what statistics say of a route in the last minute.
func (p *Proxy) Calls(route string) stats.Calls {
	return p.route(route).Windows.Of(stats.Window1m).Calls
}

func (p *Proxy) route(name string) stats.RouteReport {
	p.t.Helper()
	for _, r := range p.Report(time.Now()).Routes {
		if r.Name == name {
			return r
		}
	}
	p.t.Fatalf("no route %q", name)
	return stats.RouteReport{}
}

// Ask reads a page of the admin port.
func (p *Proxy) Ask(path string) Response {
	w := httptest.NewRecorder()
	p.AdminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return Response{w.Code, w.Header(), w.Body.String(), false}
}
