package quota

import (
	"errors"
	"net"
)

// peer is a connection that knows whether a sentinel is at its other end, and ends before the
// library reads what it would not survive.
type peer struct {
	net.Conn

	sentinel bool
	exchange exchange
	suspect  func(disorder)
}

type peerAddress struct {
	net.Addr

	sentinel bool
}

// RemoteAddr implements net.Conn.
func (p *peer) RemoteAddr() net.Addr { return peerAddress{p.Conn.RemoteAddr(), p.sentinel} }

// Read implements net.Conn. Of what comes together with a disorder nothing is read.
func (p *peer) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	wrong := p.exchange.read(b[:n])
	if wrong == nil {
		return n, err
	}
	if what, ok := errors.AsType[disorder](wrong); ok {
		p.suspect(what)
	}
	_ = p.Close() // the server is not asked any more
	return 0, wrong
}

// Write implements net.Conn.
func (p *peer) Write(b []byte) (int, error) {
	if err := p.exchange.write(b); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}
