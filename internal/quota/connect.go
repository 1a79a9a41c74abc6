package quota

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// silence is how long a connection may say nothing to what it was asked.
	silence = time.Second
	// bufferSize is that of what is read and written at once. Requests are short.
	bufferSize = 32 << 10
	// topologyEvery is how often it is looked which servers there are, and which of them
	// counts: what Sentinel tells may be missed.
	topologyEvery = 5 * time.Second
	// maxMoves is how often a cluster may send a request elsewhere.
	maxMoves = 4
)

// forbidden is why the password is not sent to a server.
type forbidden string

// Error implements error.
func (f forbidden) Error() string { return string(f) }

// errNoSecret is the error of a connection without the password that it needs.
var errNoSecret = errors.New("the Secret of the store has no password")

// connector makes the connections of a store: to servers that the guard lets be dialled and
// the Secret lets be told its password, each secured as the document says. It is immutable.
type connector struct {
	life    context.Context // connections are made by a library that has none
	config  *routeconfig.RateLimitStore
	dialer  *dial.Dialer
	account *creds.Derived[*creds.Snapshot] // nil for none
	// authority and pair are nil for none.
	authority *creds.Derived[*x509.CertPool]
	pair      *creds.Derived[*tls.Certificate]
	// server and sentinel are what the library says of whom it connects to.
	server, sentinel *tls.Config
	suspect          func(disorder) // is told what servers do
}

func newConnector(life context.Context, o *Options, suspect func(disorder)) *connector {
	c := &connector{life: life, config: o.Config, dialer: o.Dialer, sentinel: &tls.Config{}, suspect: suspect} // a mark, see dial
	if o.Config.Secret != "" {
		c.account = o.Credentials.Account(o.Namespace, o.Config.Secret)
	}
	if t := o.Config.TLS; t != nil {
		c.server = &tls.Config{} // a mark, see dial
		if t.CASecret != "" {
			c.authority = o.Credentials.Authorities(o.Namespace, t.CASecret)
		}
		if t.ClientCertificateSecret != "" {
			c.pair = o.Credentials.KeyPair(o.Namespace, t.ClientCertificateSecret)
		}
	}
	return c
}

// client connects. It has a context of its own for each connection.
func (c *connector) client() (rueidis.Client, error) {
	o := rueidis.ClientOption{
		InitAddress: c.config.Addresses, SelectDB: c.config.Database, TLSConfig: c.server, DialCtxFn: c.dial,
		ConnWriteTimeout: silence, PipelineMultiplex: 1, RingScaleEachConn: 9, ReadBufferEachConn: bufferSize, WriteBufferEachConn: bufferSize,
		DisableCache: true, DisableRetry: true, AlwaysPipelining: true, ClientSetInfo: rueidis.DisableClientSetInfo,
		ForceSingleClient: c.config.Topology == routeconfig.TopologyStandalone,
		ClusterOption:     rueidis.ClusterOption{ShardsRefreshInterval: topologyEvery, MaxMovedRedirections: maxMoves},
	}
	o.Dialer.Timeout, o.Dialer.KeepAlive = connectTime, silence // of handshakes and pings: dial is the one that dials
	if c.config.Topology == routeconfig.TopologySentinel {
		o.Sentinel = rueidis.SentinelOption{
			MasterSet: c.config.Master, Dialer: o.Dialer, TLSConfig: c.sentinel, TopologyRefreshInterval: topologyEvery,
		}
	}
	if c.account != nil {
		o.AuthCredentialsFn = c.authenticate
	}
	return rueidis.NewClient(o) // put into words of ours
}

// dial connects to one server, whoever has named it: the document, Sentinel or the cluster.
func (c *connector) dial(ctx context.Context, address string, _ *net.Dialer, mark *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)() //nolint:contextcheck // the library gives none that ends with the store
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("split address: %w", err)
	}
	if err := c.allowed(host, port); err != nil {
		return nil, err
	}
	conn, err := c.open(ctx, host, port)
	if err != nil {
		return nil, err
	}
	return &peer{Conn: conn, sentinel: mark == c.sentinel, suspect: c.suspect}, nil
}

func (c *connector) open(ctx context.Context, host, port string) (net.Conn, error) {
	address := net.JoinHostPort(host, port)
	if c.server == nil {
		return c.dialer.Dial(ctx, address) // put into words of ours
	}
	conn, err := c.dialer.DialTLS(ctx, address, c.settings(host, port))
	if err != nil {
		return nil, err // a nil *tls.Conn is no nil net.Conn
	}
	return conn, nil
}

// settings are those of a connection to one server, which alone its Secret may allow.
func (c *connector) settings(host, port string) carrier.Settings {
	if c.pair == nil {
		return carrier.Secure(c.config.TLS, c.authority, nil)
	}
	return carrier.Secure(c.config.TLS, c.authority, func() (*tls.Certificate, error) { return c.pair.Show(host, port) })
}

// allowed says whether the password and the certificate may be shown to a server.
func (c *connector) allowed(host, port string) error {
	if c.pair != nil {
		if why := c.pair.Refuses(host, port); why != "" {
			return forbidden(why)
		}
	}
	if c.account == nil {
		return nil
	}
	account, err := c.account.Get()
	if err != nil {
		return errNoSecret
	}
	if why := account.Forbids(host, port); why != "" {
		return forbidden(why)
	}
	return nil
}

// authenticate shows each connection the password of now.
func (c *connector) authenticate(of rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
	account, err := c.account.Get()
	if err != nil {
		return rueidis.AuthCredentials{}, errNoSecret
	}
	if address, ok := of.Address.(peerAddress); ok && address.sentinel {
		return rueidis.AuthCredentials{
			Username: account.Value(creds.SentinelUsername).Reveal(), Password: account.Value(creds.SentinelPassword).Reveal(),
		}, nil
	}
	return rueidis.AuthCredentials{
		Username: account.Value(creds.Username).Reveal(), Password: account.Value(creds.Password).Reveal(),
	}, nil
}

// explain says why a store does not answer, in words of ours: what it says itself is foreign.
func explain(err error, budget time.Duration) string {
	if why, ok := errors.AsType[forbidden](err); ok {
		return why.Error()
	}
	if why, ok := errors.AsType[*dial.ForbiddenError](err); ok {
		return why.Error()
	}
	if why, ok := errors.AsType[disorder](err); ok {
		return why.Error()
	}
	if errors.Is(err, errNoSecret) {
		return errNoSecret.Error()
	}
	if answer, ok := rueidis.IsRedisErr(err); ok {
		return "it answers with an error" + code(answer.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "it has not answered within " + budget.String()
	}
	if says := dial.Unmade(err); says != "" {
		return "it cannot be connected to (" + says + ")"
	}
	return "its connection has ended"
}

// code is the first word of an error of Redis, where it is one.
func code(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if word == "" || len(word) > 16 || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return " (" + word + ")"
}
