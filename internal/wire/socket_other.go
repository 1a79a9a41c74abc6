//go:build !unix

package wire

import "net"

// socket is that of a connection.
type socket struct{}

func newSocket(net.Conn) socket { return socket{} }

// silent reports whether nothing has come, not even the end, and whether that is known.
func (*socket) silent() (silent, known bool) { return false, false }
