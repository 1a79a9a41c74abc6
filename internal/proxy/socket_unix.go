//go:build unix

package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// socket is a client's, which tells whether what was read had come before it was asked for:
// net.Conn does not. Its methods but Read and paused are net.TCPConn's.
type socket struct {
	*net.TCPConn

	raw syscall.RawConn
	try func(fd uintptr) bool // made once
	// What follows is for the goroutine that reads.
	b      []byte
	n      int
	err    error
	waited bool
}

// newSocket returns conn as a socket; nil where it is none.
func newSocket(conn net.Conn) *socket {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{TCPConn: tcp, raw: raw}
	s.try = s.read
	return s
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) {
	s.b = b
	err := s.raw.Read(s.try)
	s.b = nil
	if odd, ok := errors.AsType[*net.OpError](err); ok {
		odd.Op = "read" // by which net/http knows it
		return 0, odd
	}
	if s.err != nil {
		return 0, s.failed()
	}
	if s.n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return s.n, err // nil
}

// read reports whether there is anything to wait for no longer.
func (s *socket) read(fd uintptr) bool {
	for {
		s.n, s.err = syscall.Read(int(fd), s.b)
		switch {
		case s.err == nil:
			return true
		case errors.Is(s.err, syscall.EAGAIN):
			s.waited = true
			return false
		case !errors.Is(s.err, syscall.EINTR):
			return true
		}
	}
}

func (s *socket) failed() error {
	return &net.OpError{Op: "read", Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError("read", s.err)}
}
