package fanout

import (
	"net/http"
	"net/netip"

	"github.com/fanout-operator/fanout/internal/memory"
)

// Call is one client request being fanned out. It is read-only from Dispatcher.Reserve on:
// every backend and every attempt shares it, body included.
type Call struct {
	Method string
	// Path and Query are the request-target's raw bytes, before and after the
	// first '?'. HasQuery tells "/a?" from "/a".
	Path     string
	Query    string
	HasQuery bool
	// Prefix is how many bytes of Path the route's match covers.
	Prefix int
	// Host is the authority that the client asked for.
	Host string
	// Header holds the client's fields as received.
	Header http.Header
	// Body is complete; it is empty where the client sent none.
	Body []byte
	// Caller is the authenticated caller's name, or empty.
	Caller string
	// Claims is what the caller's token says, a JSON object; empty without one. It is shared
	// by calls, and read-only.
	Claims []byte
	// Client is the client's address; it is not valid where nobody knows.
	Client netip.Addr
	// XForwardedFor and Forwarded are the values of these fields for backends that are told
	// who calls; empty where none of the route is.
	XForwardedFor, Forwarded string
	// Memory is what bodies of the call are taken from. The dispatcher joins it, and closes
	// it when the last backend has ended.
	Memory *memory.Account
	// RequestID is sent to every backend and returned to the client.
	RequestID string
	// Record keeps what happens to the call; nil where nobody looks.
	Record *Record
}

// Safe reports whether the call's method is safe (RFC 9110, section 9.2.1).
func (c *Call) Safe() bool { return SafeMethod(c.Method) }

// SafeMethod reports whether a method is safe (RFC 9110, section 9.2.1).
func SafeMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
