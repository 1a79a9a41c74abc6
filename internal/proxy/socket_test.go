//go:build unix

package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// peered is a descriptor whose other end writes once somebody waits for it.
type peered struct {
	syscall.RawConn

	ours, theirs int
}

// Read implements syscall.RawConn.
func (p *peered) Read(try func(uintptr) bool) error {
	for !try(uintptr(p.ours)) {
		if _, err := syscall.Write(p.theirs, []byte("late")); err != nil {
			return err
		}
	}
	return nil
}

// A read that finds nothing has waited; one that finds something has not, and what net/http
// is told is what came.
func TestSocketsKnowWhetherTheyWait(t *testing.T) {
	t.Parallel()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = syscall.Close(pair[0]), syscall.Close(pair[1]) })
	if err := syscall.SetNonblock(pair[0], true); err != nil {
		t.Fatal(err)
	}
	s := &socket{raw: &peered{ours: pair[0], theirs: pair[1]}}
	s.try = s.read
	b := make([]byte, 10)
	for _, early := range []string{"", "early", "", "", "again"} {
		want := "late"
		if early != "" {
			want = early
			if _, err := syscall.Write(pair[1], []byte(early)); err != nil {
				t.Fatal(err)
			}
		}
		n, err := s.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Fatalf("read %q, error %v, want %q", b[:n], err, want)
		}
		if waited := s.paused(); waited != (early == "") || s.paused() {
			t.Errorf("%q: it waited: %v, and says so again", want, waited)
		}
	}
}

// What ends a read is known by what net/http and others look at.
func TestSocketsEndAsConnectionsDo(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		end func(ours net.Conn, theirs *net.TCPConn)
		is  error
	}{
		"the peer closes":   {func(_ net.Conn, theirs *net.TCPConn) { _ = theirs.Close() }, io.EOF},
		"the peer resets":   {func(_ net.Conn, theirs *net.TCPConn) { _, _ = theirs.SetLinger(0), theirs.Close() }, syscall.ECONNRESET},
		"the time is up":    {func(ours net.Conn, _ *net.TCPConn) { _ = ours.SetReadDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
		"it is closed here": {func(ours net.Conn, _ *net.TCPConn) { _ = ours.Close() }, net.ErrClosed},
	} {
		ours, theirs := ends(t)
		row.end(ours, theirs)
		n, err := ours.Read(make([]byte, 10))
		if n != 0 || !errors.Is(err, row.is) {
			t.Errorf("%s: %d bytes, error %v", name, n, err)
		}
		if odd, ok := errors.AsType[*net.OpError](err); !errors.Is(row.is, io.EOF) && (!ok || odd.Op != "read" || odd.Timeout() != errors.Is(row.is, os.ErrDeadlineExceeded)) {
			t.Errorf("%s: net/http does not know %v", name, err)
		}
	}
}

// ends are those of a connection.
func ends(t testing.TB) (ours *socket, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ = dialled.(*net.TCPConn)
	t.Cleanup(func() { _, _ = accepted.Close(), theirs.Close() })
	if ours = newSocket(accepted); ours == nil {
		t.Fatal("a connection of TCP is no socket")
	}
	return ours, theirs
}

// What a socket knows costs a read nothing: it is as quick as net.TCPConn's.
func BenchmarkRead(b *testing.B) {
	for name, reader := range map[string]func(*socket) io.Reader{
		"TCP": func(s *socket) io.Reader { return s.TCPConn }, "socket": func(s *socket) io.Reader { return s },
	} {
		b.Run(name, func(b *testing.B) {
			ours, theirs := ends(b)
			go func() {
				for piece := make([]byte, 64<<10); ; {
					if _, err := theirs.Write(piece); err != nil {
						return
					}
				}
			}()
			r, part := reader(ours), make([]byte, 100)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Read(part); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
