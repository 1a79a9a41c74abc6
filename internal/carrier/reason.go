package carrier

import (
	"errors"
	"net"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/fanout"
)

// Reason says why a request got no response. connected says that it had a connection.
func Reason(err error, connected bool) fanout.Reason {
	if _, ok := errors.AsType[*dial.ForbiddenError](err); ok {
		return fanout.ForbiddenAddress
	}
	if errors.Is(err, creds.ErrMissing) || errors.Is(err, creds.ErrForbidden) {
		return fanout.Credential
	}
	if _, ok := errors.AsType[dial.HandshakeError](err); ok {
		return fanout.TLS
	}
	if !connected {
		return fanout.Connect
	}
	return fanout.Reset
}

// Explain says why a request got no response, by the word for it and a cause that we know.
// What the error itself says may hold bytes of the peer.
func Explain(err error) string {
	dialled, isDial := errors.AsType[*net.OpError](err)
	reason := Reason(err, !isDial || dialled.Op != "dial")
	if _, says := dial.Cause(err); says != "" && reason != fanout.Credential {
		return reason.String() + " (" + says + ")"
	}
	return reason.String()
}
