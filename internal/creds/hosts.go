package creds

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Allows reports whether the values may be sent to an authority. A Secret without the
// key AllowedHosts may be sent anywhere, unless its Store wants that key; an entry
// without port covers all ports. The host is without brackets.
func (s *Snapshot) Allows(host, port string) bool {
	if !s.restricted {
		return true
	}
	host = strings.ToLower(host)
	return slices.Contains(s.allowedHosts, host) || slices.Contains(s.allowedHosts, net.JoinHostPort(host, port))
}

// Forbids says why the values may not be sent to an authority, or nothing where they may.
// It names the authority and no line of AllowedHosts but by its number.
func (s *Snapshot) Forbids(host, port string) string {
	if s.Allows(host, port) {
		return ""
	}
	text := fmt.Sprintf("%s does not cover %s", AllowedHosts, net.JoinHostPort(host, port))
	if s.hostsFault != "" {
		text += "; " + s.hostsFault
	}
	return text
}

// restrict reads the reserved key. One that is there but cannot be read allows nothing.
// Where it is gone, values of before keep the hosts of before: who deletes a Secret does
// not want it sent to more of them.
func (s *Snapshot) restrict(files *folder, o *Options) {
	content, err := files.read(AllowedHosts)
	if errors.Is(err, fs.ErrNotExist) {
		if o.RequireAllowedHosts && !s.restricted {
			s.restricted, s.hostsFault = true, "the Secret lacks that key, which is required here"
		}
		return
	}
	s.restricted, s.allowedHosts, s.hostsFault = true, nil, ""
	if err != nil {
		s.hostsFault = "it cannot be read"
		return
	}
	named := false
	for number, line := range hostLines(content) {
		if fault := unmatchable(line); fault != "" && s.hostsFault == "" {
			s.hostsFault = fmt.Sprintf("line %d of it can never match: %s; write host or host:port", number, fault)
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") { // an IPv6 address without port
			line = line[1 : len(line)-1]
		}
		named = named || !isAddress(line)
		if !o.NamesByRoute || isAddress(line) {
			s.allowedHosts = append(s.allowedHosts, line)
		}
	}
	switch {
	case len(s.allowedHosts) > 0 || s.hostsFault != "" && named:
	case named:
		s.hostsFault = "names allow nothing where the route says where they lead; write addresses"
	default:
		s.hostsFault = "it names no host"
	}
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
