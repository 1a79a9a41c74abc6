package gate

import (
	"fmt"
	"net/http"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// callerKeys knows callers by the API keys in a Secret.
type callerKeys struct {
	header  string
	callers *creds.Derived[*creds.Callers]
	unknown verdict
}

func newCallerKeys(namespace string, config *routeconfig.CallerAPIKeys, store *creds.Store) *callerKeys {
	header := http.CanonicalHeaderKey(config.Header)
	return &callerKeys{header: header, callers: store.Callers(namespace, config.Secret), unknown: verdict{
		wants: "a valid API key in " + header, challenge: fmt.Sprintf("ApiKey realm=%q, header=%q", realm, header),
	}}
}

// realm is the one of all challenges (RFC 9110, section 11.5).
const realm = "fanout"

// examine implements proof.
func (k *callerKeys) examine(guest *Guest) verdict {
	sent := guest.Request.Header[k.header]
	callers, err := k.callers.Get()
	if len(sent) == 0 || len(sent) == 1 && sent[0] == "" {
		return k.unknown
	}
	if err != nil {
		return k.unknown.because(callersMissing)
	}
	if len(sent) == 1 {
		if name, ok := callers.Name(sent[0]); ok {
			return verdict{known: true, caller: name}
		}
	}
	return k.unknown.because(unknownKey)
}
