package fanout

// Cause says of a failed answer without a response more than its reason does, in one of a few
// words, so that metrics can be by it.
type Cause uint8

// The causes. NoCause goes with every answer of which nothing more is known.
const (
	NoCause            Cause = iota
	NoSuchHost               // the name has no address
	LookupFailed             // nobody says whether it has one
	ConnectionRefused        // nothing listens there
	Unreachable              // no way leads there
	QueueTimeout             // the time was up before the call's turn
	CredentialTimeout        // before there was a credential
	ConnectTimeout           // before there was a connection
	ResponseTimeout          // before the head of a response
	BodyTimeout              // before its end
	CertificateExpired       // or not valid yet
	UnknownAuthority         // none that is trusted has signed the certificate
	WrongHost                // the certificate is for another one
	CertificateInvalid       // for a reason that is none of these
	NotTLS                   // what answers is no TLS
	TLSAlert                 // the server ends the handshake
	HandshakeFailed          // for a reason that is none of these
	ConnectionReset          // by the server
	ConnectionClosed         // by the server, in order
)

// Causes is the number of causes, for arrays indexed by one.
const Causes = int(ConnectionClosed) + 1

// String returns the word used in metrics and on /status; it is empty for NoCause.
func (c Cause) String() string { return c.words()[0] }

// Says returns it in words for people, without what is known of this answer alone; empty for
// NoCause.
func (c Cause) Says() string { return c.words()[1] }

func (c Cause) words() [2]string {
	return [Causes][2]string{
		NoCause:            {"", ""},
		NoSuchHost:         {"noSuchHost", "no such host"},
		LookupFailed:       {"lookupFailed", "the name servers do not answer"},
		ConnectionRefused:  {"connectionRefused", "connection refused"},
		Unreachable:        {"unreachable", "no route to the host"},
		QueueTimeout:       {"queueTimeout", "while waiting for its turn"},
		CredentialTimeout:  {"credentialTimeout", "while waiting for the credential"},
		ConnectTimeout:     {"connectTimeout", "while connecting"},
		ResponseTimeout:    {"responseTimeout", "without a response"},
		BodyTimeout:        {"bodyTimeout", "within the response"},
		CertificateExpired: {"certificateExpired", "certificate expired"},
		UnknownAuthority:   {"unknownAuthority", "unknown authority"},
		WrongHost:          {"wrongHost", "certificate for another host"},
		CertificateInvalid: {"certificateInvalid", "certificate not valid"},
		NotTLS:             {"notTLS", "the server does not speak TLS"},
		TLSAlert:           {"tlsAlert", "the server ends the handshake"},
		HandshakeFailed:    {"handshakeFailed", "the handshake failed"},
		ConnectionReset:    {"connectionReset", "connection reset"},
		ConnectionClosed:   {"connectionClosed", "connection closed"},
	}[c]
}
