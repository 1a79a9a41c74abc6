package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"syscall"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Listening says where a route listens.
type Listening struct {
	// Route is NAMESPACE/NAME.
	Route   string
	Address net.Addr
	// Port is the one that it wants. Refused is why it could not have that, and is on
	// another one meanwhile; nil where it has it.
	Port    int
	Refused error
}

// Listening returns where the routes of the current document listen, by name.
func (p *Proxy) Listening() []Listening {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Listening
	for id, s := range p.servers {
		list = append(list, Listening{Route: id, Address: s.listener.Addr(), Port: s.port, Refused: s.refused})
	}
	slices.SortFunc(list, func(a, b Listening) int { return cmp.Compare(a.Route, b.Route) })
	return list
}

// opening gives every route of a plan a server, before the plan is current.
type opening struct {
	proxy   *Proxy
	servers map[string]*server // by route
	opened  []*server          // those of them that are new
	holders map[int]string     // the routes that have the port that they want, by port
	left    []*server          // servers of routes that go elsewhere, or are no more
	wishes  map[*server]wish   // of routes that stay on a port that they do not want
}

// wish is the port that a route wants, and why it cannot have it.
type wish struct {
	port    int
	refused error
}

// open leaves every route where it is if that is the port that it wants, hands ports over
// that others leave, and opens the rest. Nothing has changed where it returns an error.
func (p *Proxy) open(fresh *plan) (*opening, error) {
	o := &opening{proxy: p, servers: map[string]*server{}, holders: map[int]string{}, wishes: map[*server]wish{}}
	for _, id := range fresh.order {
		if s := p.servers[id]; s != nil && s.refused == nil && s.port == fresh.routes[id].config.Listener.Port {
			o.take(id, s)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.servers)) {
		if o.servers[id] == nil && p.servers[id].refused == nil {
			o.left = append(o.left, p.servers[id])
		}
	}
	for _, id := range fresh.order {
		if o.servers[id] != nil {
			continue
		}
		if err := o.find(id, fresh.routes[id].config); err != nil {
			for _, s := range o.opened {
				_ = s.listener.Close()
			}
			return nil, fmt.Errorf("open listener: %w", err)
		}
	}
	fresh.at = make(map[*server]*route, len(o.servers))
	for id, s := range o.servers {
		fresh.at[s] = fresh.routes[id]
	}
	return o, nil
}

func (o *opening) take(id string, s *server) {
	o.servers[id] = s
	o.holders[s.port] = id
}

// find looks for a server for a route that has none on the port that it wants.
func (o *opening) find(id string, config *routeconfig.Route) error {
	port := config.Listener.Port
	if i := slices.IndexFunc(o.left, func(s *server) bool { return s.port == port }); i >= 0 {
		o.take(id, o.left[i])
		o.left = slices.Delete(o.left, i, i+1)
		return nil
	}
	l, err := o.listen(config)
	if err == nil {
		s := o.proxy.newServer(id, port, l, nil)
		o.opened = append(o.opened, s)
		o.take(id, s)
		return nil
	}
	if !o.proxy.options.FreePorts || !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		return err
	}
	return o.elsewhere(id, config, err)
}

func (o *opening) listen(config *routeconfig.Route) (net.Listener, error) {
	if holder, taken := o.holders[config.Listener.Port]; taken && o.proxy.options.FreePorts {
		return nil, fmt.Errorf("route %s has it: %w", holder, syscall.EADDRINUSE)
	}
	return o.proxy.options.Listen(config)
}

// elsewhere lets a route listen where it does meanwhile, or on a free port.
func (o *opening) elsewhere(id string, config *routeconfig.Route, refused error) error {
	if s := o.proxy.servers[id]; s != nil && s.refused != nil {
		o.wishes[s] = wish{config.Listener.Port, refused}
		o.servers[id] = s
		return nil
	}
	free := *config
	free.Listener.Port = 0
	l, err := o.proxy.options.Listen(&free)
	if err != nil {
		return err
	}
	s := o.proxy.newServer(id, config.Listener.Port, l, refused)
	o.opened = append(o.opened, s)
	o.servers[id] = s
	return nil
}

// note lets servers that stay know what their routes want now.
func (o *opening) note() {
	for s, w := range o.wishes {
		s.port, s.refused = w.port, w.refused
	}
}

// become makes a plan the current one, on the servers that were opened for it.
func (p *Proxy) become(fresh *plan, o *opening) {
	old := p.plan.Load()
	o.note()
	p.plan.Store(fresh)
	for _, s := range o.opened {
		s.start()
	}
	for _, s := range p.servers {
		if fresh.at[s] == nil {
			p.leave(s, old)
		}
	}
	for id, s := range o.servers {
		s.route.Store(&id)
	}
	p.servers = o.servers
}

// leave ends a server that no route has any more, in the background.
func (p *Proxy) leave(s *server, old *plan) {
	_ = s.listener.Close()
	p.leaving[s] = struct{}{}
	timeout := p.drainTimeout(old)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		s.end(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.leaving, s)
	}()
}

// Reclaim tries again to give routes the ports that they want and could not have, see
// Options.FreePorts. It returns false where some still have others.
func (p *Proxy) Reclaim() (settled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	current := p.plan.Load()
	if p.closed || current == nil || !p.displaced() {
		return true
	}
	fresh := *current
	o, err := p.open(&fresh)
	if err != nil {
		return false // as it was
	}
	if len(o.opened) == 0 {
		o.note()
		return false
	}
	p.become(&fresh, o)
	return !p.displaced()
}

func (p *Proxy) displaced() bool {
	for _, s := range p.servers {
		if s.refused != nil {
			return true
		}
	}
	return false
}
