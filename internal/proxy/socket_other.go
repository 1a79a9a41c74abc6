//go:build !unix

package proxy

import "net"

// socket is none where a read cannot tell whether it waited: there each client counts as one
// that sends ahead.
type socket struct {
	net.Conn

	waited bool
}

func newSocket(net.Conn) *socket { return nil }
