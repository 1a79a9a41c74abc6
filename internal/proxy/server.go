package proxy

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// headTimeout bounds the arrival of a request's head.
	headTimeout = 10 * time.Second
	// slowRequest is after how long a connection gives way whose request has not come.
	slowRequest = 2 * time.Second
	// keepAlive is how long a client's connection may be idle.
	keepAlive = 120 * time.Second
	// maxHead bounds a request's head, in bytes; beyond it net/http answers 431.
	maxHead = routeconfig.MaxHead
	// Of HTTP/2: what a connection may have sent that nobody has read yet, in bytes, and
	// after how long a silent one is asked, and given up.
	streamBuffer, connectionBuffer = 64 << 10, 128 << 10
	frame                          = 16 << 10
	maxStreams                     = 100
	silence, patience              = 30 * time.Second, 15 * time.Second
)

// server is the listener of one port. It outlives the plans whose routes are there: the
// current one says which route that is, so that ports change hands at once.
type server struct {
	port int // that its route wants
	// refused is why the route could not have it: it listens on another one meanwhile.
	refused  error
	http     *http.Server
	listener net.Listener
	done     chan struct{} // closed when Serve has returned
	// route is the id of the last one, whose calls are served to their end when no plan has
	// the server any more.
	route atomic.Pointer[string]
	// handling counts requests that are being answered; cut ends their contexts.
	handling atomic.Int64
	cut      context.CancelCauseFunc
}

// current is the route that a server has, nil where it is gone.
func (p *Proxy) current(s *server) *route {
	current := p.plan.Load()
	if current == nil {
		return nil
	}
	if r := current.at[s]; r != nil {
		return r
	}
	return current.routes[*s.route.Load()]
}

func (p *Proxy) newServer(id string, port int, plain net.Listener, refused error) *server {
	base, cut := context.WithCancelCause(context.Background())
	s := &server{port: port, refused: refused, done: make(chan struct{}), cut: cut}
	s.route.Store(&id)
	s.listener = &listener{
		Listener: plain, clients: p.clients,
		secure: func() *tls.Config {
			if r := p.current(s); r != nil {
				return r.secure
			}
			return nil
		},
		trusts: func(peer netip.Addr) bool { r := p.current(s); return r != nil && r.gate.Trusts(peer) },
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:           &handler{proxy: p, server: s},
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
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: withClient,
		ConnState:   p.clients.changed,
		ErrorLog:    slog.NewLogLogger(p.options.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// start serves. Connections wait in the backlog until then.
func (s *server) start() {
	go func() {
		defer close(s.done)
		_ = s.http.Serve(s.listener) // ends by Shutdown or Close alone
	}()
}

// cutTime is how long calls that are cut have for their last words, twice: by themselves,
// and once their connections are closed.
const cutTime = time.Second

// end stops accepting and waits for the calls under way. Those that are not over when ctx
// ends are cut; it returns how many.
func (s *server) end(ctx context.Context) (cut int64) {
	if s.http.Shutdown(ctx) != nil {
		cut = s.handling.Load()
		s.cut(fanout.ErrStopped)
		again, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTime)
		_ = s.http.Shutdown(again)
		cancel()
	}
	_ = s.http.Close()
	<-s.done
	for until := time.Now().Add(cutTime); s.handling.Load() > 0 && time.Now().Before(until); {
		time.Sleep(cutTime / 200) // until they are counted and logged
	}
	s.cut(nil)
	return cut
}
