package gate

import (
	"net/http"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// callerKeys identifies callers by the API keys in a Secret.
type callerKeys struct {
	header  string
	callers *creds.Derived[*creds.Callers]
}

func newCallerKeys(namespace string, config *routeconfig.CallerAPIKeys, store *creds.Store) *callerKeys {
	return &callerKeys{
		header:  http.CanonicalHeaderKey(config.Header),
		callers: store.Callers(namespace, config.Secret),
	}
}

// identify returns the name of the caller whose key the call carries.
func (k *callerKeys) identify(h http.Header) (string, bool) {
	sent := h[k.header]
	callers, err := k.callers.Get()
	if err != nil || len(sent) != 1 || sent[0] == "" {
		return "", false
	}
	return callers.Name(sent[0])
}
