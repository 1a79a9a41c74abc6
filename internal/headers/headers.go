// Package headers decides which fields pass between client and backends (RFC 9110
// sections 7.6.1 and 7.6.3), by rules that are compiled once. Header maps that it
// is given are read-only and shared; those that it returns are the caller's.
package headers

import (
	"net/http"
	"net/textproto"
	"strings"
)

// IsHopByHop reports whether a field speaks about one connection (RFC 9110, section
// 7.6.1), or is one that net/http writes itself from other sources.
func IsHopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Http2-Settings", "Proxy-Authenticate", "Content-Length", "Host", "Expect":
		return true
	}
	return false
}

// untrusted are the fields that a client must not speak to a backend through us:
// they claim what only a proxy may claim.
func untrusted(name string) bool {
	switch name {
	case "Proxy-Authorization", "Forwarded", "X-Real-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || Own(name)
}

// Own reports whether a field is one of ours, which nobody else may send.
func Own(name string) bool { return strings.HasPrefix(name, "Fanout-") }

// Named returns the fields that Connection names, in canonical form.
func Named(h http.Header) []string {
	var names []string
	for _, line := range h["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			if token = textproto.TrimString(token); token != "" {
				names = append(names, textproto.CanonicalMIMEHeaderKey(token))
			}
		}
	}
	return names
}

// Response returns a backend's fields that may pass to a client together with the
// backend's own body.
func Response(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if !IsHopByHop(name) && !Own(name) && name != "X-Request-Id" { // that is the call's
			out[name] = values
		}
	}
	for _, name := range Named(h) {
		delete(out, name)
	}
	return out
}

// IsConditional reports whether a request field speaks about one stored body, and
// so has no meaning for a combined response (RFC 9110, sections 13 and 14).
func IsConditional(name string) bool {
	return strings.HasPrefix(name, "If-") || name == "Range" || name == "Accept-Encoding"
}
