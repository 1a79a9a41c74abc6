package creds

import (
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/fanout-operator/fanout/internal/dial"
)

// The reserved keys of a Secret, of one host[:port] a line each. AllowedHosts names where
// its other keys may be sent; AllowedTokenHosts does so for token endpoints, for which
// without it AllowedHosts holds.
const (
	AllowedHosts      = "allowedHosts"
	AllowedTokenHosts = "allowedTokenHosts"
)

// reserved reports whether a key is none of the values.
func reserved(key string) bool { return key == AllowedHosts || key == AllowedTokenHosts }

// Allows reports whether the values may be sent to an authority. A Secret without the
// key AllowedHosts may be sent anywhere, unless its Store wants that key. The host is
// without brackets.
func (s *Snapshot) Allows(host, port string) bool { return s.hosts.Allow(host, port) }

// Forbids says why the values may not be sent to an authority, or nothing where they may.
// It names the authority and no line of AllowedHosts but by its number.
func (s *Snapshot) Forbids(host, port string) string {
	return forbids(AllowedHosts, s.hosts, host, port)
}

// ForbidsToken is Forbids for the authority of a token endpoint. Key is the one that says
// so.
func (s *Snapshot) ForbidsToken(host, port string) (key, why string) {
	if s.tokenHosts != nil {
		return AllowedTokenHosts, forbids(AllowedTokenHosts, s.tokenHosts, host, port)
	}
	return AllowedHosts, s.Forbids(host, port)
}

func forbids(key string, hosts *dial.Hosts, host, port string) string {
	if hosts.Allow(host, port) {
		return ""
	}
	text := fmt.Sprintf("%s does not cover %s", key, net.JoinHostPort(host, port))
	if fault := hosts.Fault(); fault != "" {
		text += "; " + fault
	}
	return text
}

// restrict reads the reserved keys. AllowedHosts is the one that may be required.
func (s *Snapshot) restrict(files *folder, o *Options) {
	s.hosts = listed(files, AllowedHosts, s.hosts, o)
	s.tokenHosts = listed(files, AllowedTokenHosts, s.tokenHosts, o)
	if s.hosts == nil && o.RequireAllowedHosts {
		s.hosts = dial.NoHosts("the Secret lacks that key, which is required here")
	}
}

// restrictToken reads the reserved keys beside a service account's token, which are those of
// the Secret that speaks for the account. Without that the token is sent nowhere: a Secret
// is made by somebody for somebody, and an account is there in every namespace, for any
// route to name.
func (s *Snapshot) restrictToken(files *folder, o *Options) {
	s.hosts = listed(files, AllowedHosts, nil, o)
	s.tokenHosts = listed(files, AllowedTokenHosts, nil, o)
	if s.hosts != nil {
		return
	}
	speaker := "no Secret that speaks for the service account has it"
	if o.TokenHosts != "" {
		speaker = fmt.Sprintf("the Secret %q is missing or lacks it", o.TokenHosts)
	}
	s.hosts = dial.NoHosts(speaker + ", and without it the token is sent nowhere")
}

// listed reads a reserved key. One that is there but cannot be read allows nothing. Where it
// is gone, values of before keep the hosts of before: who deletes a Secret does not want it
// sent to more of them.
func listed(files *folder, key string, before *dial.Hosts, o *Options) *dial.Hosts {
	content, err := files.read(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return before
	case err != nil:
		return dial.NoHosts("it cannot be read")
	case o.NamesByRoute:
		return dial.ReadAddresses(content)
	}
	return dial.ReadHosts(content)
}
