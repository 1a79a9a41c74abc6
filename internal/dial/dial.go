// Package dial makes the connections of the data plane: to backends, to token endpoints and
// to whatever else a proxy asks. What names are looked up as, which hosts and addresses may
// be reached and how long all of it may take stands here and nowhere else, so that no way
// out is less guarded than another.
package dial

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
)

const (
	// connectTimeout bounds the lookup of a name and the connection to one of its addresses.
	connectTimeout = 30 * time.Second
	// handshakeTimeout bounds the handshake of TLS: a dial goes on when its call has ended.
	handshakeTimeout = 10 * time.Second
)

// Options are those of a Dialer. Without any it reaches every address but those of the deny
// list, and none of this machine.
type Options struct {
	// AllowLoopback admits 127/8 and ::1, where loopback is the point.
	AllowLoopback bool
	// Deny adds networks to the deny list.
	Deny []netip.Prefix
	// Resolve replaces host:port of a URL by another one, which is dialled as it is.
	Resolve map[string]string
	// ClusterDomain is what hosts that end in .svc are completed with, see ClusterDomain.
	// Default: nothing.
	ClusterDomain string
	// Resolver looks names up. Default: the machine's.
	Resolver *net.Resolver
	// LookupEvery is how often a name in use is looked up again. Default: 30 s.
	LookupEvery time.Duration
	// Queue is that of Pause. Default: nothing goes first.
	Queue *bulk.Queue
}

// Dialer makes connections over TCP. It is immutable, and safe for concurrent use.
type Dialer struct {
	options Options
	guard   guard
}

// New returns a Dialer.
func New(o Options) *Dialer { return &Dialer{options: o, guard: newGuard(o)} }

// Pause lets what is short go first. It is for whoever may dial often, before each time.
func (d *Dialer) Pause() { d.options.Queue.Pass(bulk.First) }

// Dial connects to host:port of a URL, within 30 s. The error wraps a *ForbiddenError where
// the address may not be dialled.
func (d *Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout, Control: d.guard.control, Resolver: d.options.Resolver}
	conn, err := dialer.DialContext(ctx, "tcp", d.place(address))
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return conn, nil
}

// DialTLS is Dial with TLS 1.2 or later on top, whose handshake is given 10 s. The settings
// are asked for once there is a connection, so that what was rotated holds at once, and are
// the Dialer's from then on; where they name no server it is the address's host. The error
// is a HandshakeError where there was a connection.
func (d *Dialer) DialTLS(ctx context.Context, address string, settings func() (*tls.Config, error)) (*tls.Conn, error) {
	conn, err := d.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	config, err := settings()
	if err != nil {
		_ = conn.Close()
		return nil, HandshakeError{Cause: err}
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	secured := tls.Client(conn, config)
	if err := secure(ctx, secured); err != nil {
		_ = conn.Close()
		return nil, HandshakeError{Cause: err}
	}
	return secured, nil
}

func secure(ctx context.Context, conn *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	return nil
}
