// Package proxy is the root of the data plane: it holds the plan, serves its
// routes and the admin port, takes over new documents and credentials without
// dropping a call, and drains when told to stop.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/build"
	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/gate"
	"github.com/fanout-operator/fanout/internal/jwt"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Proxy serves documents. Its methods are safe for concurrent use.
type Proxy struct {
	options     Options
	store       *creds.Store
	plan        atomic.Pointer[plan]
	refused     atomic.Pointer[string]
	loads       loads
	build       build.Info
	draining    atomic.Bool
	buffers     sync.Pool // of *[]byte
	compressors compressors
	clients     *clients
	memory      *memory.Budget
	hashing     *gate.Hashing
	digests     *jwt.Digests
	desk        *calls.Desk
	// shadowMemory is on top of what calls have.
	shadowMemory *memory.Budget

	lacks lacks

	mu      sync.Mutex           // guards what follows, and changes of plan
	servers map[string]*server   // by route
	leaving map[*server]struct{} // of routes that went elsewhere, or are no more
	retired []*fanout.Dispatcher // of older plans, not idle yet
	closing sync.WaitGroup       // stores of older plans
	closed  bool
}

// New returns a Proxy that serves nothing yet.
func New(o Options) *Proxy {
	m := routeconfig.Divide(o.budget(), o.MaxConnections)
	p := &Proxy{
		options: o, build: build.Read(), servers: map[string]*server{}, leaving: map[*server]struct{}{},
		store:   creds.NewStore(creds.Options{Tree: o.Credentials, RequireAllowedHosts: o.RequireAllowedHosts, TokenHosts: o.TokenHosts, NamesByRoute: o.NamesByRoute}),
		clients: newClients(m.Connections, slowRequest), compressors: newCompressors(), hashing: gate.NewHashing(), digests: jwt.NewDigests(),
		desk:   calls.NewDesk(),
		memory: &memory.Budget{Limit: m.Bodies}, shadowMemory: &memory.Budget{Limit: m.Shadows, Last: true},
	}
	p.clients.pass = o.Queue.Pass
	if o.Queue != nil { // an interface of nil is none
		p.memory.Order, p.shadowMemory.Order = o.Queue, o.Queue
	}
	if p.options.Listen == nil {
		p.options.Listen = p.listen
	}
	return p
}

func (p *Proxy) listen(route *routeconfig.Route) (net.Listener, error) {
	address := net.JoinHostPort(p.options.Address, strconv.Itoa(route.Listener.Port))
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for route %s/%s: %w", route.Namespace, route.Name, err)
	}
	return l, nil
}

// ErrClosed is returned by Load once the proxy stops.
var ErrClosed = errors.New("the proxy is stopping")

// Load takes over an encoded document; calls under way keep the old one. On error
// the old one stays, and /status says why.
func (p *Proxy) Load(encoded []byte) error {
	err := p.load(encoded)
	p.loads.note(time.Now(), routeconfig.Hash(encoded), err)
	if err != nil {
		reason := err.Error()
		p.refused.Store(&reason)
		return err
	}
	p.refused.Store(nil)
	p.tellLacks()
	return nil
}

func (p *Proxy) load(encoded []byte) error {
	hash := routeconfig.Hash(encoded)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	old := p.plan.Load()
	if old != nil && old.hash == hash {
		return nil
	}
	document, err := routeconfig.Decode(encoded)
	if err != nil {
		return fmt.Errorf("load document: %w", err)
	}
	if err := p.mounted(document); err != nil {
		return err
	}
	c := &compiler{options: &p.options, store: p.store, hashing: p.hashing, digests: p.digests, shadowMemory: p.shadowMemory, desk: p.desk, fresh: newLasting(), now: time.Now()}
	if old != nil {
		c.old = old.lasting
	}
	fresh, err := c.plan(document, hash)
	if err != nil {
		p.closeStores(&c.fresh, &c.old)
		return fmt.Errorf("load document: %w", err)
	}
	opening, err := p.open(fresh)
	if err != nil {
		p.closeStores(&c.fresh, &c.old)
		return fmt.Errorf("load document: %w", err)
	}
	p.become(fresh, opening)
	fresh.lasting.start()
	p.retire(old, fresh)
	p.options.Log.Info("document loaded", "document", hash, "routes", len(fresh.order))
	return nil
}

func (p *Proxy) mounted(document *routeconfig.Document) error {
	if !p.options.RequireMounts {
		return nil
	}
	for i := range document.Routes {
		r := &document.Routes[i]
		for _, reference := range r.References() {
			if _, err := fs.Stat(p.options.Credentials, r.Namespace+"/"+reference.Folder()); err != nil {
				return fmt.Errorf("load document: %s %q is not mounted into this pod", reference.Kind, reference.Name)
			}
		}
	}
	return nil
}

// retire gives up what the new plan has not taken over.
func (p *Proxy) retire(old, fresh *plan) {
	p.forget(fresh)
	fresh.forgetShared()
	if old == nil {
		return
	}
	for _, r := range old.routes {
		p.retired = append(p.retired, r.dispatcher)
	}
	p.closeStores(&old.lasting, &fresh.lasting)
	for id, state := range old.lasting.states {
		if fresh.lasting.states[id] != state {
			state.Close()
		}
	}
	old.lasting.endIssuers(fresh.lasting.issuers)
	busy := p.retired[:0]
	for _, d := range p.retired {
		if !d.Idle() {
			busy = append(busy, d)
		}
	}
	clear(p.retired[len(busy):])
	p.retired = busy
}

// forget drops the Secrets that the plan does not read.
func (p *Proxy) forget(current *plan) {
	var inUse []creds.Source
	for _, r := range current.routes {
		for _, d := range r.reads {
			inUse = append(inUse, d.Source)
		}
	}
	p.store.Forget(inUse)
}

// ReloadCredentials reads mounted Secrets again, those of some paths below Credentials; "."
// is all. It returns false where one may still be being written, and has to be read again a
// moment later.
func (p *Proxy) ReloadCredentials(changed []string) (settled bool) {
	settled = p.store.Reload(changed)
	p.tellLacks()
	return settled
}

// Ready reports whether calls are served: a document is loaded, and no stop was
// asked for.
func (p *Proxy) Ready() bool { return p.unready() == "" }

// unready says why the proxy takes no calls; empty where it does.
func (p *Proxy) unready() string {
	current := p.plan.Load()
	switch {
	case p.draining.Load():
		return "draining"
	case current == nil:
		return "no document is loaded"
	case !current.greets():
		return "a listener has no certificate yet"
	}
	return ""
}

// Run serves until ctx ends, then drains. Load may be called before and while it
// runs. The error is that of the admin port.
func (p *Proxy) Run(ctx context.Context) error {
	admin, err := p.startAdmin()
	if err != nil {
		return err
	}
	<-ctx.Done()
	p.drain() //nolint:contextcheck // ctx has ended, the drain begins
	return admin.close()
}
