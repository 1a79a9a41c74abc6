package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// What is known of an error is told in words of ours, which are bounded and hold nothing that a
// peer has written.
func TestCauses(t *testing.T) {
	t.Parallel()
	dialling := func(err error) error { return fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: err}) }
	handshake := func(err error) error { return HandshakeError{Cause: fmt.Errorf("handshake: %w", err)} }
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	foreign := errors.New("what a \x1b[2J peer says")
	for _, row := range []struct {
		err  error
		want fanout.Cause
		says string
	}{
		{dialling(&net.DNSError{Name: "api.example.com.", IsNotFound: true}), fanout.NoSuchHost, "lookup api.example.com: no such host"},
		{dialling(&net.DNSError{Name: strings.Repeat("a", 300), IsTimeout: true}), fanout.LookupFailed, "lookup " + strings.Repeat("a", 253) + ": the name servers do not answer"},
		{dialling(os.NewSyscallError("connect", syscall.ECONNREFUSED)), fanout.ConnectionRefused, "connection refused"},
		{dialling(syscall.EHOSTUNREACH), fanout.Unreachable, "no route to the host"},
		{dialling(os.ErrDeadlineExceeded), fanout.ConnectTimeout, "while connecting"},
		{dialling(&ForbiddenError{Network: netip.MustParsePrefix("169.254.0.0/16")}), fanout.NoCause, "an address within 169.254.0.0/16"},
		{dialling(foreign), fanout.NoCause, ""},
		{handshake(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), fanout.UnknownAuthority, "unknown authority"},
		{handshake(x509.HostnameError{Host: "api.example.com", Certificate: &x509.Certificate{DNSNames: []string{"evil.test"}}}), fanout.WrongHost, "certificate for another host than api.example.com"},
		{handshake(x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotAfter: day("2026-03-01")}, Detail: "peer"}), fanout.CertificateExpired, "certificate expired 2026-03-01"},
		{handshake(x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotBefore: day("2999-03-01"), NotAfter: day("2999-04-01")}}), fanout.CertificateExpired, "certificate not valid before 2999-03-01"},
		{handshake(x509.CertificateInvalidError{Reason: x509.NameMismatch, Detail: "peer"}), fanout.CertificateInvalid, "certificate not valid"},
		{handshake(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), fanout.NotTLS, "the server does not speak TLS"},
		{handshake(&net.OpError{Op: "remote error", Err: tls.AlertError(42)}), fanout.TLSAlert, "TLS alert: bad certificate"},
		{handshake(&net.OpError{Op: "remote error", Err: tls.AlertError(199)}), fanout.TLSAlert, "TLS alert: alert(199)"},
		{handshake(io.EOF), fanout.ConnectionClosed, "connection closed"},
		{handshake(foreign), fanout.HandshakeFailed, "the handshake failed"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, fanout.ConnectionReset, "connection reset"},
		{io.ErrUnexpectedEOF, fanout.ConnectionClosed, "connection closed"},
	} {
		if cause, says := Cause(row.err); cause != row.want || says != row.says {
			t.Errorf("%v: %q, %q; want %q, %q", row.err, cause, says, row.want, row.says)
		}
	}
}

// Only a connection that was not made is told as one.
func TestUnmade(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"connection refused": syscall.ECONNREFUSED, "unknown authority": HandshakeError{Cause: x509.UnknownAuthorityError{}},
		"": HandshakeError{Cause: io.EOF},
	} {
		if got := Unmade(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
