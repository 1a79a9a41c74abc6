package gate

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// callerKeys identifies callers by the API keys in a Secret.
type callerKeys struct {
	header string
	group  *creds.Group
	salt   []byte

	mu    sync.RWMutex
	of    *creds.Snapshot
	names map[[sha256.Size]byte]string
}

func newCallerKeys(namespace string, config *routeconfig.CallerAPIKeys, store *creds.Store) *callerKeys {
	k := &callerKeys{
		header: http.CanonicalHeaderKey(config.Header),
		group:  store.Callers(namespace, config.Secret),
		salt:   make([]byte, sha256.Size),
	}
	_, _ = rand.Read(k.salt) // never fails, see its documentation
	return k
}

// identify returns the name of the caller whose key the call carries. Keys are
// looked up by a keyed hash: how long that takes says nothing about how much of a
// key was right, since nobody outside can choose the hash.
func (k *callerKeys) identify(h http.Header) (string, bool) {
	sent := h[k.header]
	secret, err := k.group.Snapshot()
	if err != nil || len(sent) != 1 || sent[0] == "" {
		return "", false
	}
	name, ok := k.table(secret)[k.digest(sent[0])]
	return name, ok
}

func (k *callerKeys) digest(key string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, k.salt)
	mac.Write([]byte(key))
	return [sha256.Size]byte(mac.Sum(nil))
}

// table returns the callers' names by hashed key, made once for each value of the
// Secret.
func (k *callerKeys) table(secret *creds.Snapshot) map[[sha256.Size]byte]string {
	k.mu.RLock()
	of, names := k.of, k.names
	k.mu.RUnlock()
	if of == secret {
		return names
	}
	names = map[[sha256.Size]byte]string{}
	for name, value := range secret.Values() {
		for _, key := range value.Lines() {
			names[k.digest(key)] = name
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of, k.names = secret, names
	return names
}
