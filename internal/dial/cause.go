package dial

import (
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// HandshakeError says that a connection was made, but not secured.
type HandshakeError struct{ Cause error }

// Error says what the cause says.
func (e HandshakeError) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e HandshakeError) Unwrap() error { return e.Cause }

// Cause says of an error of a dial what it was, where that is one that we know, or nothing.
// What the error itself says may hold bytes of the peer, and a port that is another one each
// time.
func Cause(err error) string {
	if lookup, ok := errors.AsType[*net.DNSError](err); ok && lookup.IsNotFound {
		return "no such host"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is of an authority that is not known"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its certificate is for another host"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "its certificate has expired, or is not valid yet"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	return ""
}
