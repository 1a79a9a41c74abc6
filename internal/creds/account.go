package creds

// Keys of an account at a store. All but the password may be missing.
const (
	Username         = username
	Password         = password
	SentinelUsername = "sentinelUsername"
	SentinelPassword = "sentinelPassword"
)

// Account returns the handle on a password and what may stand beside it. The values may hold
// anything.
func (s *Store) Account(namespace, secret string) *Derived[*Snapshot] {
	take := shown([]string{password}, anything, username, SentinelUsername, SentinelPassword)
	return derive(s, namespace, secret, kind[*Snapshot]{name: "account", take: take, make: itself})
}
