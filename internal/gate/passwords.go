package gate

import (
	"fmt"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// passwords knows callers by username and password (RFC 7617).
type passwords struct {
	users   *creds.Derived[*creds.Users]
	hashing *Hashing
	unknown verdict
}

func newPasswords(namespace string, config *routeconfig.CallerBasic, o *Options) *passwords {
	return &passwords{users: o.Store.Users(namespace, config.Secret), hashing: o.Hashing, unknown: verdict{
		wants: "a user's name and password", challenge: fmt.Sprintf("Basic realm=%q, charset=\"UTF-8\"", realm),
	}}
}

// examine implements proof. A password that was judged before takes a microsecond.
func (p *passwords) examine(guest *Guest) verdict {
	if authorization(guest.Request.Header) == "" {
		return p.unknown
	}
	name, password, ok := guest.Request.BasicAuth()
	users, err := p.users.Get()
	switch {
	case !ok:
		return p.unknown
	case err != nil:
		return p.unknown.because(callersMissing)
	}
	shown := users.Digest(name, password)
	found := users.Recall(name, shown)
	if found == creds.Unjudged {
		found = p.hashing.judge(guest.Request.Context(), &hash{
			of: hashed{users, shown}, address: Network(guest.Client), on: guest.Memory,
			compute: func() creds.Verdict { return users.Judge(name, password) },
		})
	}
	out := p.unknown.because(wrongPassword)
	switch found {
	case creds.Right:
		return verdict{known: true, caller: name}
	case creds.Unjudged:
		out.later = true
	case creds.Wrong:
	}
	return out
}
