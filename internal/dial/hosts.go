package dial

import (
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Hosts are those that something may be sent to, one host[:port] a line; an entry without
// port covers all ports. It is immutable; nil stands for all hosts.
type Hosts struct {
	entries []string
	// fault says what is wrong with the list itself, if anything.
	fault string
}

// ReadHosts reads a list. What no host can match allows nothing, and Fault tells of it.
func ReadHosts(content string) *Hosts {
	h := &Hosts{}
	for number, line := range hostLines(content) {
		h.add(number, line)
	}
	if len(h.entries) == 0 && h.fault == "" {
		h.fault = "it names no host"
	}
	return h
}

// ReadAddresses reads a list of which the addresses count and the names allow nothing, for
// where others decide where names lead.
func ReadAddresses(content string) *Hosts {
	h := ReadHosts(content)
	addresses := slices.DeleteFunc(slices.Clone(h.entries), func(entry string) bool { return !isAddress(entry) })
	if len(addresses) == 0 && len(h.entries) > 0 && h.fault == "" {
		h.fault = "names allow nothing where the route says where they lead; write addresses"
	}
	h.entries = addresses
	return h
}

// NoHosts allows none, and says why.
func NoHosts(why string) *Hosts { return &Hosts{fault: why} }

// Allow reports whether an authority is among them. The host is without brackets.
func (h *Hosts) Allow(host, port string) bool {
	if h == nil {
		return true
	}
	host = strings.ToLower(host)
	return slices.Contains(h.entries, host) || slices.Contains(h.entries, net.JoinHostPort(host, port))
}

// Fault says what is wrong with the list itself, or nothing. It names a line by its number
// alone.
func (h *Hosts) Fault() string { return h.fault }

// Equal reports whether two lists allow the same and have the same fault.
func (h *Hosts) Equal(other *Hosts) bool {
	if h == nil || other == nil {
		return h == other
	}
	return h.fault == other.fault && slices.Equal(h.entries, other.entries)
}

func (h *Hosts) add(number int, line string) {
	if fault := unmatchable(line); fault != "" && h.fault == "" {
		h.fault = fmt.Sprintf("line %d of it can never match: %s; write host or host:port", number, fault)
	}
	if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") { // an IPv6 address without port
		line = line[1 : len(line)-1]
	}
	h.entries = append(h.entries, line)
}

// hostLines are the lines that are not empty, in lower case, with their numbers from 1.
func hostLines(content string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(content) {
			number++
			if line = strings.ToLower(strings.TrimSpace(line)); line != "" && !yield(number, line) {
				return
			}
		}
	}
}

// isAddress tells addresses, with a port or without, from names.
func isAddress(entry string) bool {
	if _, err := netip.ParseAddr(entry); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(entry)
	return err == nil
}

// unmatchable says why a line is no host[:port], or nothing.
func unmatchable(line string) string {
	for _, s := range signs() {
		if strings.Contains(line, s.sign) {
			return s.fault
		}
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(line, "["), "]")); err == nil {
		return ""
	}
	host := line
	if strings.Contains(line, ":") {
		before, port, err := net.SplitHostPort(line)
		if err != nil {
			return "it is no host with a port"
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "its port is no number from 1 to 65535"
		}
		host = before
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r < '!' || strings.ContainsRune("\"#%<>?[\\]^`{|}\x7f", r) }) {
		return "it is no host"
	}
	return ""
}

// signs are what no host has, with what they are a sign of; the first one tells most.
func signs() []struct{ sign, fault string } {
	return []struct{ sign, fault string }{
		{"://", "it has a scheme"},
		{"/", "it has a slash"},
		{"@", "it has a user"},
		{"*", "it has a wildcard, and hosts are compared as they are"},
		{",", severalHosts},
		{";", severalHosts},
		{" ", severalHosts},
		{"\t", severalHosts},
	}
}

const severalHosts = "it is more than one host"
