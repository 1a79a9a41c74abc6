package carrier

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
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
		{dialling(&dial.ForbiddenError{}), false, fanout.ForbiddenAddress, "forbiddenAddress"},
		{dialling(syscall.ECONNREFUSED), false, fanout.Connect, "connect (refused)"},
		{dialling(&net.DNSError{IsNotFound: true}), false, fanout.Connect, "connect (no such host)"},
		{dialling(errors.New("what a peer says")), false, fanout.Connect, "connect"},
		{dial.HandshakeError{Cause: creds.ErrMissing}, false, fanout.Credential, "credential"},
		{dial.HandshakeError{Cause: x509.UnknownAuthorityError{}}, false, fanout.TLS, "tls (its certificate is of an authority that is not known)"},
		{dial.HandshakeError{Cause: io.EOF}, false, fanout.TLS, "tls"},
		{dial.HandshakeError{Cause: reading}, false, fanout.TLS, "tls"},
		{reading, true, fanout.Reset, "reset"},
		{io.ErrUnexpectedEOF, true, fanout.Reset, "reset"},
	} {
		if got := Reason(row.err, row.connected); got != row.want {
			t.Errorf("%v: %q, want %q", row.err, got, row.want)
		}
		if got := Explain(row.err); got != row.explained {
			t.Errorf("%v is explained as %q, want %q", row.err, got, row.explained)
		}
	}
}
