package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
)

// inMemory is content that can be written from where it is.
type inMemory interface {
	io.WriterTo
	Len() int
}

// inPlace is the content of a request that is neither copied nor, where the system has room for
// it, written by another goroutine: what leaves with the head is as fast as a copy.
func (c *Conn) inPlace(r *http.Request) inMemory {
	if _, plain := c.options.Socket.(*net.TCPConn); !plain || r.ContentLength <= atOnce {
		return nil
	}
	content, _ := r.Body.(inMemory)
	return content
}

// errFull says that the system has no room for more.
var errFull = errors.New("there is no room for more")

// vector writes a head and the content that it is given, as much as there is room for.
type vector struct {
	socket *socket
	head   []byte // what is left of it
}

// Write implements io.Writer.
func (v *vector) Write(content []byte) (int, error) {
	n, err := v.socket.writeNow(v.head, content)
	head := min(n, len(v.head))
	v.head, n = v.head[head:], n-head
	if err == nil && n < len(content) {
		err = errFull
	}
	return n, err // RoundTrip says what was attempted
}

// sendInPlace writes the request with content that is here, and the rest beside.
func (x *exchange) sendInPlace(r *http.Request, content inMemory, head []byte) error {
	v := vector{&x.conn.socket, head}
	if _, err := content.WriteTo(&v); !errors.Is(err, errFull) {
		closeBody(r)
		return err
	}
	x.written = make(chan error, 1)
	go x.sendRest(r, bytes.Clone(v.head), int64(content.Len()))
	return nil
}
