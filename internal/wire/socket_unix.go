//go:build unix

package wire

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// socket is that of a connection.
type socket struct {
	raw  syscall.RawConn
	asks func(fd uintptr) // made once
	poll []unix.PollFd
	sent writing
}

func newSocket(conn net.Conn) socket {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	s := socket{}
	if system, ok := conn.(syscall.Conn); ok {
		s.raw, _ = system.SyscallConn() // nil where it is closed: asked in another way, it says so
	}
	s.poll = make([]unix.PollFd, 1)
	poll := s.poll
	s.asks = func(fd uintptr) {
		poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} //nolint:gosec // the system's own number
		for {
			n, err := unix.Poll(poll, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n != 0 || err != nil {
				poll[0].Revents |= unix.POLLIN
			}
			return
		}
	}
	return s
}

// silent reports whether nothing has come, not even the end, and whether that is known.
func (s *socket) silent() (silent, known bool) {
	if s.raw == nil || s.raw.Control(s.asks) != nil {
		return false, false
	}
	return s.poll[0].Revents == 0, true
}
