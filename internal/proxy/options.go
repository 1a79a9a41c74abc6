package proxy

import (
	"cmp"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are those of a Proxy. Credentials, Dialer and Log are required.
type Options struct {
	// Credentials is the tree of mounted Secrets and ConfigMaps: see creds.Options.Tree.
	Credentials fs.FS
	// Dialer connects to backends and token endpoints.
	Dialer *dial.Dialer
	// HTTP1 makes what speaks HTTP/1.1 to backends. Default: package h1.
	HTTP1 carrier.HTTP1
	// Queue lets what is short go before large requests and responses. Default: nothing goes
	// before.
	Queue *bulk.Queue
	// Log takes what changes, and the access log.
	Log *slog.Logger
	// Listen opens the listener of a route. Default: its port on Address.
	Listen func(route *routeconfig.Route) (net.Listener, error)
	// Address is the host to listen on. Default: all.
	Address string
	// Admin is host:port of the admin port. Default: none.
	Admin string
	// MemoryBudget bounds the bodies of all calls, in bytes, and the heads of all
	// connections. Default: 1 GiB.
	MemoryBudget int64
	// MaxConnections bounds the connections of clients. Default: as many as have heads in
	// a quarter of MemoryBudget, 64 KiB each, and at least 16. See Check.
	MaxConnections int
	// TokenHosts is the name of the Secret that says where tokens of the service account may
	// be sent; for words alone, and empty where it is not known.
	TokenHosts string
	// RequireAllowedHosts refuses Secrets that do not say where they may be sent.
	RequireAllowedHosts bool
	// NamesByRoute is set where a route's author decides where names lead: what Secrets
	// say of names is then worth nothing, and of addresses holds.
	NamesByRoute bool
	// RequireMounts refuses documents that read a Secret or a ConfigMap without a folder. An
	// absent one has one, since it is mounted as optional: without it this is a
	// Pod of an older template, which goes on as it was until it is replaced.
	RequireMounts bool
	// DrainDelay is how long calls are still accepted after the stop was asked for,
	// since endpoints are taken out of load balancers with a delay.
	DrainDelay time.Duration
	// DrainTimeout is how long calls under way may go on after that, streams included; then
	// they are cut, which takes up to 3 s. It holds for the calls of a route that is taken
	// out of the document, too. Default: as long as a call of the routes may take by
	// its own timeouts.
	DrainTimeout time.Duration
	// FreePorts lets a route whose port is taken, or not ours to take, listen on a free one
	// until it can be had, see Reclaim. Default: a document with such a route is refused.
	FreePorts bool
	// AccessLogSample logs one in so many complete calls of routes that do not say which
	// they want; others always. Default: 1.
	AccessLogSample int
	// LatencyBuckets are upper bounds of classic buckets, which latencies have beside their
	// native ones. Default: stats.DefaultBuckets; empty and not nil is none.
	LatencyBuckets []time.Duration
}

// budget is MemoryBudget or its default.
func (o *Options) budget() int64 { return cmp.Or(o.MemoryBudget, 1<<30) }

// Check returns an error that names the flag where the options do not go together.
func (o *Options) Check() error {
	if most := o.budget() / 2 / maxHead; int64(o.MaxConnections) > most || o.MaxConnections < 0 {
		return fmt.Errorf("max-connections is %d: the memory budget of %d bytes has room for 0 to %d (more memory, or fewer connections)",
			o.MaxConnections, o.budget(), most)
	}
	return nil
}
