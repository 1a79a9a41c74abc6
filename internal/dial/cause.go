package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// HandshakeError says that a connection was made, but not secured.
type HandshakeError struct{ Cause error }

// Error says what the cause says.
func (e HandshakeError) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e HandshakeError) Unwrap() error { return e.Cause }

// Cause says of an error of a connection what it was, where that is one that we know: as a
// cause, and in words of ours that stay the same while the cause does. What the error itself
// says may hold bytes of the peer, and a port that is another one each time. In the words
// are hosts that we asked for, networks that we deny, dates of certificates and the names
// that the standard has for alerts of TLS.
func Cause(err error) (cause fanout.Cause, says string) {
	if forbidden, ok := errors.AsType[*ForbiddenError](err); ok {
		return fanout.NoCause, "an address within " + forbidden.Network.String()
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		cause = fanout.LookupFailed
		if lookup.IsNotFound {
			cause = fanout.NoSuchHost
		}
		return cause, "lookup " + hostOf(lookup.Name) + ": " + cause.Says()
	}
	if cause, says = certificateCause(err); cause != fanout.NoCause {
		return cause, says
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return fanout.TLSAlert, "TLS alert: " + strings.TrimPrefix(alert.Error(), "tls: ")
	}
	cause = connectionCause(err)
	return cause, cause.Says()
}

// hostOf is what was looked up, as people write it. A name in DNS has 253 characters at most.
func hostOf(name string) string {
	name = strings.TrimSuffix(name, ".")
	return strings.ToValidUTF8(name[:min(len(name), 253)], "")
}

// certificateCause says what is wrong with the server's certificate.
func certificateCause(err error) (cause fanout.Cause, says string) {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fanout.UnknownAuthority, fanout.UnknownAuthority.Says()
	}
	if other, ok := errors.AsType[x509.HostnameError](err); ok {
		return fanout.WrongHost, fanout.WrongHost.Says() + " than " + hostOf(other.Host)
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if until := invalid.Cert.NotAfter; time.Now().After(until) {
			return fanout.CertificateExpired, "certificate expired " + until.UTC().Format(time.DateOnly)
		}
		return fanout.CertificateExpired, "certificate not valid before " + invalid.Cert.NotBefore.UTC().Format(time.DateOnly)
	case ok:
		return fanout.CertificateInvalid, fanout.CertificateInvalid.Says()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fanout.CertificateInvalid, fanout.CertificateInvalid.Says()
	}
	return fanout.NoCause, ""
}

// connectionCause is what is told by no more than a code.
func connectionCause(err error) fanout.Cause {
	_, handshake := errors.AsType[HandshakeError](err)
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fanout.NotTLS
	}
	timeout, timed := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fanout.ConnectionRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return fanout.Unreachable
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fanout.ConnectionReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fanout.ConnectionClosed
	case timed && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return fanout.ConnectTimeout
	case handshake:
		return fanout.HandshakeFailed
	}
	return fanout.NoCause
}

// Unmade says why a connection was not made, where it was not for a reason that we know; of
// one that was made and has ended it says nothing.
func Unmade(err error) string {
	switch cause, says := Cause(err); cause {
	case fanout.NoCause, fanout.ConnectionReset, fanout.ConnectionClosed, fanout.ConnectTimeout, fanout.HandshakeFailed:
		return ""
	default:
		return says
	}
}
