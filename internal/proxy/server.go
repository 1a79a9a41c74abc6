package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// headTimeout bounds the arrival of a request's head.
	headTimeout = 10 * time.Second
	// keepAlive is how long a client's connection may be idle.
	keepAlive = 120 * time.Second
	// maxHead bounds a request's head, in bytes; beyond it net/http answers 431.
	maxHead = 64 << 10
)

// server is the listener of one route. It outlives the plans that have the route.
type server struct {
	http     *http.Server
	listener net.Listener
	done     chan struct{} // closed when Serve has returned
}

// open makes sure that every route of a plan has its server. The new ones serve
// once the plan is current: until then their connections wait in the backlog of
// the handler, which asks for the plan with each call.
func (p *Proxy) open(fresh *plan) error {
	var opened []string
	for _, id := range fresh.order {
		if _, ok := p.servers[id]; ok {
			continue
		}
		l, err := p.options.Listen(fresh.routes[id].config)
		if err != nil {
			for _, id := range opened {
				_ = p.servers[id].http.Close()
				delete(p.servers, id)
			}
			return fmt.Errorf("open listener: %w", err)
		}
		p.servers[id] = p.serve(id, l)
		opened = append(opened, id)
	}
	return nil
}

func (p *Proxy) serve(id string, l net.Listener) *server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &server{listener: l, done: make(chan struct{})}
	s.http = &http.Server{
		Handler:           &handler{proxy: p, id: id},
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHead,
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(p.options.Log.Handler(), slog.LevelDebug),
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
