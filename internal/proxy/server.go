package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	// headTimeout bounds the arrival of a request's head.
	headTimeout = 10 * time.Second
	// slowRequest is after how long a connection gives way whose request has not come.
	slowRequest = 2 * time.Second
	// keepAlive is how long a client's connection may be idle.
	keepAlive = 120 * time.Second
	// maxHead bounds a request's head, in bytes; beyond it net/http answers 431.
	maxHead = 64 << 10
	// Of HTTP/2: what a connection may have sent that nobody has read yet, in bytes, and
	// after how long a silent one is asked, and given up.
	streamBuffer, connectionBuffer = 64 << 10, 128 << 10
	frame                          = 16 << 10
	maxStreams                     = 100
	silence, patience              = 30 * time.Second, 15 * time.Second
)

// server is the listener of one route. It outlives the plans that have the route.
type server struct {
	port     int
	http     *http.Server
	listener net.Listener
	done     chan struct{} // closed when Serve has returned
}

// open makes sure that every route of a plan has a server on its port, and returns
// those that it replaced. The new ones serve once the plan is current: until then
// their connections wait in the backlog of the handler, which asks for the plan
// with each call.
func (p *Proxy) open(fresh *plan) (replaced []*server, err error) {
	opened := map[string]*server{}
	for _, id := range fresh.order {
		config := fresh.routes[id].config
		if s, ok := p.servers[id]; ok && s.port == config.Listener.Port {
			continue
		}
		l, err := p.options.Listen(config)
		if err != nil {
			for _, s := range opened {
				_ = s.http.Close()
			}
			return nil, fmt.Errorf("open listener: %w", err)
		}
		opened[id] = p.serve(id, config.Listener.Port, l)
	}
	for id, s := range opened {
		if old, ok := p.servers[id]; ok {
			replaced = append(replaced, old)
		}
		p.servers[id] = s
	}
	return replaced, nil
}

// secure returns how the route of the current plan greets its clients, nil for
// plainly.
func (p *Proxy) secure(id string) *tls.Config {
	if current := p.plan.Load(); current != nil && current.routes[id] != nil {
		return current.routes[id].secure
	}
	return nil
}

func (p *Proxy) serve(id string, port int, plain net.Listener) *server {
	l := &listener{
		Listener: plain, clients: p.clients, secure: func() *tls.Config { return p.secure(id) },
		trusts: func(peer netip.Addr) bool { r := p.current(id); return r != nil && r.gate.Trusts(peer) },
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &server{port: port, listener: l, done: make(chan struct{})}
	s.http = &http.Server{
		Handler:           &handler{proxy: p, id: id},
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHead,
		Protocols:         protocols,
		// net/http's own answer to OPTIONS * waits for a body without a deadline.
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReadFrameSize: frame,
			MaxReceiveBufferPerStream: streamBuffer, MaxReceiveBufferPerConnection: connectionBuffer,
			SendPingTimeout: silence, PingTimeout: patience,
		},
		ConnContext: withClient,
		ConnState:   p.clients.changed,
		ErrorLog:    slog.NewLogLogger(p.options.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // ends by Shutdown or Close alone
	}()
	return s
}

// shutdown stops accepting and waits for the calls under way.
func (s *server) shutdown(ctx context.Context) {
	_ = s.http.Shutdown(ctx)
	_ = s.http.Close()
	<-s.done
}

// retire shuts the server of a route that is no more, in the background.
func (s *server) retire(timeout time.Duration) {
	_ = s.listener.Close()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		s.shutdown(ctx)
	}()
}
