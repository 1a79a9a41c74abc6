package creds

import (
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/fanout-operator/fanout/internal/dial"
)

// AllowedHosts is the reserved key of a Secret that names, one host[:port] a line,
// where its other keys may be sent.
const AllowedHosts = "allowedHosts"

// Allows reports whether the values may be sent to an authority. A Secret without the
// key AllowedHosts may be sent anywhere, unless its Store wants that key. The host is
// without brackets.
func (s *Snapshot) Allows(host, port string) bool { return s.hosts.Allow(host, port) }

// Forbids says why the values may not be sent to an authority, or nothing where they may.
// It names the authority and no line of AllowedHosts but by its number.
func (s *Snapshot) Forbids(host, port string) string {
	if s.Allows(host, port) {
		return ""
	}
	text := fmt.Sprintf("%s does not cover %s", AllowedHosts, net.JoinHostPort(host, port))
	if fault := s.hosts.Fault(); fault != "" {
		text += "; " + fault
	}
	return text
}

// restrict reads the reserved key. One that is there but cannot be read allows nothing.
// Where it is gone, values of before keep the hosts of before: who deletes a Secret does
// not want it sent to more of them.
func (s *Snapshot) restrict(files *folder, o *Options) {
	content, err := files.read(AllowedHosts)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if o.RequireAllowedHosts && s.hosts == nil {
			s.hosts = dial.NoHosts("the Secret lacks that key, which is required here")
		}
	case err != nil:
		s.hosts = dial.NoHosts("it cannot be read")
	case o.NamesByRoute:
		s.hosts = dial.ReadAddresses(content)
	default:
		s.hosts = dial.ReadHosts(content)
	}
}
