package routeconfig

import (
	"crypto/sha256"
	"encoding/hex"
)

// KindToken is a token of the service account that the proxy runs as, for an audience: its
// name is that. What proxies read of it is a file, which the kubelet renews.
const KindToken Kind = "service-account token"

// TokenKey is the file of a KindToken in its folder.
const TokenKey = "token"

// folderOfToken stands before the hash of an audience in the name of its folder: of neither
// a Secret nor a ConfigMap is there such a one.
const folderOfToken = "__"

// tokenFolder is made of a hash: an audience is any text, mostly a URL.
func tokenFolder(audience string) string {
	sum := sha256.Sum256([]byte(audience))
	return folderOfToken + hex.EncodeToString(sum[:8])
}

// TokenHosts is the name of the Secret that says where tokens of a service account may be
// sent. It follows from the account's name alone: whoever names an account in a route cannot
// name another Secret for it. The account's comes first, since tools add prefixes to names.
func TokenHosts(account string) string { return account + ".fanout-hosts" }

// Audiences returns those of the service account's tokens that the route shows, sorted.
func (r *Route) Audiences() []string { return r.named(KindToken) }

// workload is the line of the service account's token in the list of what a route reads;
// without a name where there is none.
func (c *Credential) workload(backend string) Reference {
	return Reference{
		Kind: KindToken, Field: "spec.backends[" + backend + "].authentication.workloadIdentity.audience",
		Name: c.Audience, Keys: []string{TokenKey}, Use: UseWorkload, Backend: backend,
	}
}
