package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

const (
	// atOnce bounds, in bytes, what of a body leaves with the head. A connection on which nothing
	// is under way has room for so much: writing it does not wait for the server.
	atOnce = 16 << 10
	// kept bounds the buffers that are kept, in bytes.
	kept = 2 * atOnce
)

// buffers hold heads, with bodies that leave with them.
var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, 1<<10)) }} //nolint:gochecknoglobals // shared by all connections

// give keeps a buffer for another request.
func give(out *[]byte, used []byte) {
	if cap(used) > kept {
		return
	}
	*out = used[:0]
	buffers.Put(out)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

var errNoLength = errors.New("a request whose body has no length cannot be sent over HTTP/1.1 here: set ContentLength")

// appendHead appends the head of a request, by the order of its fields' names.
func appendHead(b []byte, r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength == 0 && r.Body != nil && r.Body != http.NoBody {
		return b, errNoLength
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	host, err := httpguts.PunycodeHostPort(host)
	if err != nil || !httpguts.ValidHostHeader(host) {
		return b, errors.New("the request's Host cannot be sent")
	}
	target := r.URL.RequestURI()
	if !visible(target) || !token(r.Method) {
		return b, errors.New("the request's method or target cannot be sent")
	}
	b = append(append(append(append(b, r.Method...), ' '), target...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, host...), "\r\n"...)
	if b, err = appendFields(b, r.Header); err != nil {
		return b, err
	}
	switch {
	case r.ContentLength > 0, r.Method == http.MethodPost, r.Method == http.MethodPut, r.Method == http.MethodPatch:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), r.ContentLength, 10), "\r\n"...)
	}
	if r.Close {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// framed reports whether the head says by itself what this field would, in whatever case its name
// is written: a second length, or chunks that are none, would end the request elsewhere.
func framed(name string) bool {
	for _, other := range [...]string{"Host", "Trailer", "Content-Length", "Transfer-Encoding"} {
		if len(name) == len(other) && strings.EqualFold(name, other) {
			return true
		}
	}
	return false
}

// appendFields appends them. One that cannot be sent is told by its name alone, for its
// value may be a secret.
func appendFields(b []byte, fields http.Header) ([]byte, error) {
	var room [24]string
	names := room[:0]
	for name := range fields {
		if !framed(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !token(name) {
			return b, errors.New("the request has a field whose name cannot be sent")
		}
		for _, value := range fields[name] {
			if !httpguts.ValidHeaderFieldValue(value) {
				return b, fmt.Errorf("the request's field %s has a value that cannot be sent", name)
			}
			b = append(append(append(append(b, name...), ": "...), textproto.TrimString(value)...), "\r\n"...)
		}
	}
	return b, nil
}

// token reports whether it is one (RFC 9110, section 5.6.2).
func token(s string) bool { return httpguts.ValidHeaderFieldName(s) }

// visible reports whether it has neither space nor a control byte.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

var errOther = errors.New("the request's body has another length than ContentLength says")

// appendRequest appends what leaves at once, and says how many bytes are left.
func (c *Conn) appendRequest(b []byte, r *http.Request) (first []byte, rest int64, err error) {
	if b, err = appendHead(b, r); err != nil {
		return b, 0, err
	}
	if content := c.inPlace(r); content != nil {
		if int64(content.Len()) != r.ContentLength {
			return b, 0, errOther
		}
		return b, r.ContentLength, nil
	}
	n := min(r.ContentLength, atOnce)
	rest = r.ContentLength - n
	b, err = appendBody(b, r, int(n), rest == 0)
	return b, rest, err
}

// appendBody appends so many bytes of the body, which is all of it where whole says so.
func appendBody(b []byte, r *http.Request, n int, whole bool) ([]byte, error) {
	if n == 0 {
		return b, nil
	}
	begun := len(b)
	b = slices.Grow(b, n+1)
	switch _, err := io.ReadFull(r.Body, b[begun:begun+n]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return b, errOther
	case err != nil:
		return b, fmt.Errorf("read the request's body: %w", err)
	}
	b = b[:begun+n]
	if whole {
		if more, _ := r.Body.Read(b[len(b) : len(b)+1]); more > 0 {
			return b, errOther
		}
	}
	return b, nil
}

// send writes the request, as much of it as leaves at once; the rest is written beside.
func (x *exchange) send(r *http.Request, first []byte, rest int64) error {
	if content := x.conn.inPlace(r); content != nil {
		return x.sendInPlace(r, content, first)
	}
	if _, err := x.conn.options.Conn.Write(first); err != nil || rest == 0 {
		closeBody(r)
		return err // RoundTrip says what was attempted
	}
	x.written = make(chan error, 1)
	go x.sendRest(r, nil, rest)
	return nil
}

// sendRest writes the rest. It ends with the connection at the latest.
func (x *exchange) sendRest(r *http.Request, head []byte, rest int64) {
	defer closeBody(r)
	var n int64
	var err error
	if len(head) > 0 {
		_, err = x.conn.options.Conn.Write(head)
	}
	if err == nil {
		n, err = io.Copy(x.conn.options.Conn, r.Body)
	}
	if err == nil && n != rest {
		err = errOther
	}
	if err != nil {
		x.lastWords()
	}
	x.written <- err
}
