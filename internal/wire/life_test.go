package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/selfsigned"
	"github.com/fanout-operator/fanout/internal/tether"
	"github.com/fanout-operator/fanout/internal/wire"
)

var (
	errCause = errors.New("the cause")
	errBody  = errors.New("the body fails")
)

func itoa(n int) string { return strconv.Itoa(n) }

// failing is a body that fails.
type failing struct{}

// Read implements io.Reader.
func (failing) Read([]byte) (int, error) { return 0, errBody }

// over is a context that has ended.
func over() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errCause)
	return ctx
}

// Wherever it is, an exchange ends with its context, for the context's cause, and so does its connection.
func TestContextsEndExchanges(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(net.Conn){
		"while the request is written": func(net.Conn) { time.Sleep(time.Hour) },
		"while the rest of it is written": func(conn net.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, 17<<10))
			time.Sleep(time.Hour)
		},
		"while there is no response": func(conn net.Conn) { answering("")(conn); time.Sleep(time.Hour) },
		"in the middle of a head":    func(conn net.Conn) { answering(ok + "X-A")(conn); time.Sleep(time.Hour) },
		"in the middle of a body":    func(conn net.Conn) { answering(ok + "Content-Length: 2\r\n\r\na")(conn); time.Sleep(time.Hour) },
		"in the middle of a chunk": func(conn net.Conn) {
			answering(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\na")(conn)
			time.Sleep(time.Hour)
		},
	} {
		endsExchange(t, name, serve, context.WithCancelCause)
		endsExchange(t, name+", by a tether", serve, func(values context.Context) (context.Context, context.CancelCauseFunc) {
			ctx := tether.New(context.WithoutCancel(values))
			return ctx, ctx.End
		})
	}
}

func endsExchange(t *testing.T, name string, serve func(net.Conn), cancelable func(context.Context) (context.Context, context.CancelCauseFunc)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, serve)
		ctx, cancel := cancelable(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errCause) })
		r := get(t, http.MethodPost).WithContext(ctx)
		content := bytes.Repeat([]byte("x"), 100<<10)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
		begun := time.Now()
		response, err := c.RoundTrip(r)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if took := time.Since(begun); !errors.Is(err, errCause) || took != time.Second {
			t.Errorf("%s: %v after %s", name, err, took)
		}
		if c.Free() {
			t.Errorf("%s: the connection can be used again", name)
		}
	})
}

// The end of a context is none of the exchanges' that come after its own.
func TestContextsEndTheirOwnExchange(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	c, _ := open(t, func(conn net.Conn) {
		answering(ok + "Content-Length: 2\r\n\r\nhi")(conn)
		answering(ok + "Content-Length: 2\r\n\r\n")(conn)
		<-ended
		_, _ = io.WriteString(conn, "hi")
	})
	first := tether.New(context.WithoutCancel(t.Context()))
	response, err := c.RoundTrip(get(t, http.MethodGet).WithContext(first))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(response.Body)
	if response, err = c.RoundTrip(get(t, http.MethodGet)); err != nil {
		t.Fatal(err)
	}
	first.End(errCause)
	close(ended)
	if body, err := io.ReadAll(response.Body); string(body) != "hi" || err != nil {
		t.Errorf("%q: %v", body, err)
	}
}

// A server may answer before it has read the request, and close where it does not want to.
func TestEarlyAnswers(t *testing.T) {
	t.Parallel()
	const early = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
	for name, row := range map[string]struct {
		size  int
		reads bool // all of the request, at some time: the connection may be good for another one
		serve func(net.Conn)
	}{
		"and go on":          {1 << 20, false, func(conn net.Conn) { head(conn); _, _ = io.WriteString(conn, early); time.Sleep(time.Hour) }},
		"and close":          {1 << 20, false, func(conn net.Conn) { head(conn); _, _ = io.WriteString(conn, early) }},
		"and read it then":   {1 << 20, true, func(conn net.Conn) { head(conn); _, _ = io.WriteString(conn, early); _, _ = io.Copy(io.Discard, conn) }},
		"before all is sent": {20 << 10, true, func(conn net.Conn) { head(conn); _, _ = io.WriteString(conn, early); _, _ = io.Copy(io.Discard, conn) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := open(t, row.serve)
			r := get(t, http.MethodPost)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, row.size))), int64(row.size)
			response, err := c.RoundTrip(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if body, err := io.ReadAll(response.Body); string(body) != "no" || err != nil || response.StatusCode != 413 {
				t.Errorf("%s: %d %q, %v", name, response.StatusCode, body, err)
			}
			if c.Free() && !row.reads {
				t.Errorf("%s: the connection is used again with half a request on it", name)
			}
		})
	}
}

// head reads that of a request, and what comes with it.
func head(conn net.Conn) { _, _ = conn.Read(make([]byte, 17<<10)) }

// A body that fails while it is sent ends the exchange: its server would wait for the rest.
func TestBodiesThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		r := get(t, http.MethodPost)
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 20<<10)), failing{})), 40<<10
		begun := time.Now()
		if _, err := c.RoundTrip(r); err == nil || time.Since(begun) > time.Second || c.Free() {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

// A body that is closed while it is read ends.
func TestBodiesAreClosedWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, ended := open(t, func(conn net.Conn) { answering(ok + "Content-Length: 2\r\n\r\na")(conn); time.Sleep(time.Hour) })
		response, err := c.RoundTrip(get(t, http.MethodGet))
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { _ = response.Body.Close() })
		begun := time.Now()
		if body, err := io.ReadAll(response.Body); string(body) != "a" || err == nil || time.Since(begun) != time.Second {
			t.Errorf("%q, %v after %s", body, err, time.Since(begun))
		}
		synctest.Wait()
		if c.Free() || *ended != 1 {
			t.Errorf("told %d times of the end; the connection can be used again: %v", *ended, c.Free())
		}
	})
}

// What comes on a connection that nobody reads is seen before the next request: its end, and what was not asked for.
func TestConnectionsAreLookedAt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		meanwhile func(net.Conn)
		silent    bool
	}{
		"nothing comes":                {func(net.Conn) {}, true},
		"it is closed":                 {func(conn net.Conn) { _ = conn.Close() }, false},
		"an answer that nobody wanted": {func(conn net.Conn) { _, _ = io.WriteString(conn, ok+"\r\n") }, false},
	} {
		for _, secure := range []bool{false, true} {
			ours, theirs := connected(t, secure)
			c := wire.New(wire.Options{Conn: ours, Socket: ours, MaxHead: maxHead, Ended: func() {}})
			done := make(chan struct{})
			go func() {
				defer close(done)
				r, err := http.ReadRequest(bufio.NewReader(theirs))
				if err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, err = io.WriteString(theirs, ok+"Content-Length: 0\r\n\r\n")
				}
				if err != nil {
					t.Error(err)
				}
			}()
			if _, err := c.RoundTrip(get(t, http.MethodGet)); err != nil || !c.Free() {
				t.Fatal(err)
			}
			<-done
			if !c.Silent() {
				t.Errorf("%s, TLS %v: it is not silent after a response", name, secure)
			}
			row.meanwhile(theirs)
			end := time.Now().Add(10 * time.Second)
			for !row.silent && c.Silent() && time.Now().Before(end) {
				time.Sleep(time.Millisecond) // it takes its way
			}
			if silent := c.Silent(); silent != row.silent {
				t.Errorf("%s, TLS %v: silent %v", name, secure, silent)
			}
			_, _ = c.Close(), theirs.Close()
		}
	}
}

// connected are both ends of a connection of the system's.
func connected(t testing.TB, secure bool) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := listener.Accept()
		accepted <- conn
	}()
	if ours, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs = <-accepted; !secure {
		return ours, theirs
	}
	settings, trusted := settings(t)
	s, c := tls.Server(theirs, settings), tls.Client(ours, trusted)
	handshake := make(chan error, 1)
	go func() { handshake <- s.HandshakeContext(t.Context()) }()
	if err := errors.Join(c.HandshakeContext(t.Context()), <-handshake); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// settings are those of a server, and of a client that trusts it.
func settings(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	certificate, err := selfsigned.New("server", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate.PEM)
	return &tls.Config{Certificates: []tls.Certificate{certificate.TLS}, MinVersion: tls.VersionTLS13},
		&tls.Config{RootCAs: roots, ServerName: "server", MinVersion: tls.VersionTLS13}
}
