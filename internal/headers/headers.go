// Package headers decides which fields pass between client and backends (RFC 9110
// sections 7.6.1 and 7.6.3), by rules that are compiled once. Header maps that it
// is given are read-only and shared; those that it returns are the caller's.
//
// Names are judged as a lenient receiver reads them, see Fold.
package headers

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Fold returns the name that a field has for receivers which hand fields on as variables
// (RFC 3875, section 4.1.18): to them X_Key and X-Key are one. Whatever is neither letter
// nor digit counts as a hyphen. The name is in canonical form, and so is the result.
func Fold(name string) string {
	for i := range len(name) {
		if odd(name[i]) {
			return fold(name)
		}
	}
	return name
}

func fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		if odd(c) {
			b[i] = '-'
		}
	}
	return http.CanonicalHeaderKey(string(b))
}

func odd(c byte) bool {
	return c != '-' && c|0x20-'a' > 'z'-'a' && c-'0' > 9
}

// IsHopByHop reports whether a field speaks about one connection (RFC 9110, section
// 7.6.1), or is one that net/http writes itself from other sources.
func IsHopByHop(name string) bool { return hopByHop(Fold(name)) }

func hopByHop(folded string) bool {
	switch folded {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Http2-Settings", "Proxy-Authenticate", "Content-Length", "Host", "Expect":
		return true
	}
	return false
}

// untrusted are the fields that a client must not speak to a backend through us: they
// claim what only a proxy may claim. Proxy becomes HTTP_PROXY in the environment of a
// CGI script, which then asks a proxy of the client's choice (CVE-2016-5385).
func untrusted(folded string) bool {
	switch folded {
	case "Proxy-Authorization", "Forwarded", "X-Real-Ip", "Proxy":
		return true
	}
	return strings.HasPrefix(folded, "X-Forwarded-") || strings.HasPrefix(folded, ownPrefix)
}

const (
	ownPrefix = "Fanout-"
	requestID = "X-Request-Id" // the call's, whoever was the first to name it
)

// Own reports whether a field is one of ours, which nobody else may send.
func Own(name string) bool { return strings.HasPrefix(Fold(name), ownPrefix) }

// Reserved reports whether neither a caller nor a rule of a route may send a field to a
// backend.
func Reserved(name string) bool {
	folded := Fold(http.CanonicalHeaderKey(name))
	return hopByHop(folded) || strings.HasPrefix(folded, ownPrefix) || folded == "Via"
}

// NeverCredential reports whether a field cannot carry a credential: it speaks about the
// connection, or about a body, or says which form of one is wanted.
func NeverCredential(name string) bool {
	folded := Fold(http.CanonicalHeaderKey(name))
	return Reserved(name) || strings.HasPrefix(folded, "Content-") || strings.HasPrefix(folded, "Accept")
}

// Same reports whether a receiver may take two fields for one, in any case.
func Same(a, b string) bool {
	return Fold(http.CanonicalHeaderKey(a)) == Fold(http.CanonicalHeaderKey(b))
}

// Withheld reports whether a field of a caller reaches no backend, whatever its route
// says.
func Withheld(name string) bool {
	return Reserved(name) || untrusted(Fold(http.CanonicalHeaderKey(name)))
}

// Named returns the fields that Connection names, as Fold reads them.
func Named(h http.Header) []string {
	var names []string
	for _, line := range h["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			if token = textproto.TrimString(token); token != "" {
				names = append(names, Fold(textproto.CanonicalMIMEHeaderKey(token)))
			}
		}
	}
	return names
}

// Response returns a backend's fields that may pass to a client together with the
// backend's own body.
func Response(h http.Header) http.Header {
	out, named := make(http.Header, len(h)), Named(h)
	for name, values := range h {
		folded := Fold(name)
		if !hopByHop(folded) && !strings.HasPrefix(folded, ownPrefix) && folded != requestID && !slices.Contains(named, folded) {
			out[name] = values
		}
	}
	return out
}

// IsConditional reports whether a request field speaks about one stored body, and
// so has no meaning for a combined response (RFC 9110, sections 13 and 14).
func IsConditional(name string) bool {
	return strings.HasPrefix(name, "If-") || name == "Range" || name == "Accept-Encoding"
}
