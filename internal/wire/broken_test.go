package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/tether"
	"github.com/fanout-operator/fanout/internal/wire"
)

var errWrite = errors.New("the connection takes nothing")

// deaf is a connection that can be read, but not written.
type deaf struct{ net.Conn }

// Write implements net.Conn.
func (deaf) Write([]byte) (int, error) { return 0, errWrite }

// Where a request cannot be written its server may have said why before, and is not waited for.
func TestRequestsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"it says nothing": "", "it has said why": "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.WriteString(theirs, answer) }()
			c := wire.New(wire.Options{Conn: deaf{ours}, Socket: ours, MaxHead: maxHead, Ended: func() {}})
			begun := time.Now()
			response, err := c.RoundTrip(get(t, http.MethodPost))
			switch took := time.Since(begun); {
			case answer == "" && (!errors.Is(err, errWrite) || took > time.Second):
				t.Errorf("%s: %v after %s", name, err, took)
			case answer != "" && (err != nil || response.StatusCode != 413):
				t.Errorf("%s: %v", name, err)
			}
			if c.Free() {
				t.Errorf("%s: the connection can be used again", name)
			}
			_, _ = c.Close(), theirs.Close()
		})
	}
}

// A context that ends when all of the body is here takes nothing of it, and the connection: what
// ends the waiting on it may come at any time.
func TestContextsThatEndWithTheBody(t *testing.T) {
	t.Parallel()
	c, ended := open(t, answering(ok+"Content-Length: 2\r\n\r\nhi"))
	ctx := tether.New(t.Context())
	response, err := c.RoundTrip(get(t, http.MethodGet).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	ctx.End(errCause)
	if body, err := io.ReadAll(response.Body); !bytes.Equal(body, []byte("hi")) || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if c.Free() || *ended != 1 {
		t.Errorf("the connection can be used again: %v; told %d times", c.Free(), *ended)
	}
}
