package dial

import (
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		hosts  *Hosts
		allows string
		fault  string
	}{
		"no list":             {allows: "a.example:80 b.example:443 10.0.0.1:80 ::1:80", hosts: nil},
		"none":                {hosts: NoHosts("gone"), fault: "gone"},
		"names":               {hosts: ReadHosts("A.example\n\n b.example:443 \n"), allows: "a.example:80 b.example:443"},
		"an IPv6 address":     {hosts: ReadHosts("[::1]"), allows: "::1:80"},
		"no line":             {hosts: ReadHosts("\n"), fault: "it names no host"},
		"a scheme":            {hosts: ReadHosts("a.example\nhttps://b.example"), allows: "a.example:80", fault: "line 2 of it can never match: it has a scheme; write host or host:port"},
		"names by a stranger": {hosts: ReadAddresses("a.example"), fault: "names allow nothing where the route says where they lead; write addresses"},
		"addresses beside":    {hosts: ReadAddresses("a.example\n10.0.0.1:80"), allows: "10.0.0.1:80"},
	} {
		allowed := []string{}
		for _, at := range [][2]string{{"a.example", "80"}, {"b.example", "80"}, {"b.example", "443"}, {"10.0.0.1", "80"}, {"::1", "80"}} {
			if row.hosts.Allow(at[0], at[1]) {
				allowed = append(allowed, at[0]+":"+at[1])
			}
		}
		if row.hosts == nil {
			if len(allowed) != 5 {
				t.Errorf("%s: %q", name, allowed)
			}
			continue
		}
		if strings.Join(allowed, " ") != row.allows || row.hosts.Fault() != row.fault || row.hosts.Equal(nil) || !row.hosts.Equal(row.hosts) {
			t.Errorf("%s allows %q, fault %q", name, allowed, row.hosts.Fault())
		}
	}
}
