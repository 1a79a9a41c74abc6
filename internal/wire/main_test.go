package wire_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/fanout-operator/fanout/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const maxHead = 8 << 10

// open returns a connection to a server in memory, and how often a body of it has ended.
func open(t testing.TB, serve func(net.Conn)) (c *wire.Conn, ended *int) {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = theirs.Close() }()
		serve(theirs)
	}()
	ended = new(int)
	c = wire.New(wire.Options{Conn: ours, Socket: ours, MaxHead: maxHead, Ended: func() { *ended++ }})
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return c, ended
}

// answering reads a request and answers, and then sends what is left to send.
func answering(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(conn, answer)
	}
}

func get(t testing.TB, method string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://server/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
