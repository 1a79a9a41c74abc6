package creds

import (
	"fmt"
	"strings"
)

// What a value may not hold, in words that say what to do. None of them repeats any of it.
const (
	faultLine    = "holds more than one line: leave one, and at most one line end behind it"
	faultControl = "holds a control character: take it out"
	faultSpace   = "begins or ends with white space: take it away"
	faultColon   = "holds a colon, which ends the username (RFC 7617, section 2): take another"
)

// field says why a value cannot stand in a header field as it is, or nothing: visible
// characters can, bytes beyond ASCII too (obs-text), and white space between them (RFC
// 9110, section 5.5).
func field(value string) string {
	if fault := plain(strings.ReplaceAll(value, "\t", " ")); fault != "" {
		return fault
	}
	if strings.Trim(value, " \t") != value {
		return faultSpace
	}
	return ""
}

// plain says why a value is no text of one line, or nothing. What is encoded before it is
// sent could hold more, but no username, password (RFC 7617, section 2) or client secret
// (RFC 6749, appendix A) has control characters.
func plain(value string) string {
	if strings.ContainsAny(value, "\r\n") {
		return faultLine
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return faultControl
	}
	return ""
}

// pair judges username and password of the Basic scheme.
func pair(key, value string) string {
	if key == username && strings.Contains(value, ":") {
		return faultColon
	}
	return plain(value)
}

// each makes a check of a value whatever its key.
func each(check func(string) string) func(string, string) string {
	return func(_, value string) string { return check(value) }
}

// anything is for values that are sent encoded, whatever they hold.
func anything(_, _ string) string { return "" }

func ofKey(key, fault string) string { return fmt.Sprintf("key %q %s", key, fault) }
