package h2

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
)

// UnprocessedError says that the server has proved to have done nothing with the request
// (RFC 9113, section 8.7), or that it never left: whatever it is, it may be sent again.
type UnprocessedError struct{ error }

// Unwrap returns what net/http said.
func (e UnprocessedError) Unwrap() error { return e.error }

// refusedStream is an error code of HTTP/2 (RFC 9113, section 7).
const refusedStream = 0x7

// streamError has the fields of net/http's own error of a stream, whose type has no name
// for others. It lets errors.As convert it.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error implements error.
func (e streamError) Error() string { return "stream error" }

// unprocessed reports whether an error of net/http's is such a proof. Its errors have no
// names, only texts; TestP9Proofs of package backend holds them. Another text would be no
// proof, and cost a repetition, no more.
func unprocessed(err error) bool {
	if e, ok := errors.AsType[streamError](err); ok {
		return e.Code == refusedStream
	}
	switch text := err.Error(); text {
	case "http2: Transport received Server's graceful shutdown GOAWAY", // and the stream is beyond the last one
		"http2: client conn not usable", // it was ended before the stream was opened
		"http2: client conn could not be established":
		return true
	default: // the same, and the connection's first stream is beyond the last one
		return strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:")
	}
}

// Used are the connections that the attempts of a call have taken, without those on which
// one was answered to the end. A further attempt takes another one, if there is one to be
// had soon. The zero value has none. It is safe for concurrent use.
type Used struct {
	mu      sync.Mutex
	conns   []*conn
	makings []*making // that the last attempt waited for that waited
}

// UsedKey is that of a *Used among the values of a request's context: the request takes none
// of these connections, and adds its own.
type UsedKey struct{}

func usedBy(ctx context.Context) *Used {
	used, _ := ctx.Value(UsedKey{}).(*Used)
	return used
}

func (u *Used) add(c *conn) {
	if u != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.conns = append(u.conns, c)
	}
}

// remove forgets a connection that did nothing with its call, or answered it to the end.
func (u *Used) remove(c *conn) {
	if u != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.conns = slices.DeleteFunc(u.conns, func(other *conn) bool { return other == c })
	}
}

// await remembers the connections that an attempt waits for.
func (u *Used) await(makings []*making) {
	if u != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.makings = slices.Clone(makings)
	}
}

// awaits reports whether an attempt has waited for a connection already.
func (u *Used) awaits(m *making) bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Contains(u.makings, m)
}

// suits reports whether a connection is one for a further call.
func (u *Used) suits(c *conn) bool { return !u.has(c) && !c.watch.exhausted() }

func (u *Used) has(c *conn) bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Contains(u.conns, c)
}
