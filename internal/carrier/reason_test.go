package carrier

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
)

// Why there is no response, for statistics and retries, and in words that hold nothing of
// the peer's.
func TestReasonsForNoResponse(t *testing.T) {
	t.Parallel()
	dialling := func(err error) error { return fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: err}) }
	reading := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	for _, row := range []struct {
		err       error
		connected bool
		want      fanout.Reason
		explained string
	}{
		{dialling(&dial.ForbiddenError{Network: netip.MustParsePrefix("10.0.0.0/8")}), false, fanout.ForbiddenAddress, "forbiddenAddress (an address within 10.0.0.0/8)"},
		{dialling(syscall.ECONNREFUSED), false, fanout.Connect, "connect (connection refused)"},
		{dialling(&net.DNSError{Name: "api.test.", IsNotFound: true}), false, fanout.Connect, "connect (lookup api.test: no such host)"},
		{dialling(errors.New("what a peer says")), false, fanout.Connect, "connect"},
		{dial.HandshakeError{Cause: creds.ErrMissing}, false, fanout.Credential, "credential"},
		{dial.HandshakeError{Cause: x509.UnknownAuthorityError{}}, false, fanout.TLS, "tls (unknown authority)"},
		{dial.HandshakeError{Cause: io.EOF}, false, fanout.TLS, "tls (connection closed)"},
		{dial.HandshakeError{Cause: reading}, false, fanout.TLS, "tls (connection reset)"},
		{reading, true, fanout.Reset, "reset (connection reset)"},
		{io.ErrUnexpectedEOF, true, fanout.Reset, "reset (connection closed)"},
	} {
		if got := Reason(row.err, row.connected); got != row.want {
			t.Errorf("%v: %q, want %q", row.err, got, row.want)
		}
		if got := Explain(row.err); got != row.explained {
			t.Errorf("%v is explained as %q, want %q", row.err, got, row.explained)
		}
	}
}
