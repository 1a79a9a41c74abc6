package wire

import (
	"errors"

	"golang.org/x/sys/unix"
)

// writing is what a socket writes.
type writing struct {
	pieces [2][]byte
	write  func(fd uintptr) bool // made once
	n      int
	err    error
}

// writeNow writes a head and content, as much as the system has room for, and does not wait.
func (s *socket) writeNow(head, content []byte) (int, error) {
	w := &s.sent
	if s.raw == nil {
		return 0, nil // it is closed: who waits is told
	}
	if w.write == nil {
		w.write = func(fd uintptr) bool {
			for {
				w.n, w.err = unix.Writev(int(fd), w.pieces[:])
				if !errors.Is(w.err, unix.EINTR) {
					return true
				}
			}
		}
	}
	w.pieces = [2][]byte{head, content}
	w.n, w.err = 0, nil
	err := s.raw.Write(w.write)
	w.pieces = [2][]byte{}
	if err == nil && !errors.Is(w.err, unix.EAGAIN) {
		err = w.err
	}
	return max(0, w.n), err
}
