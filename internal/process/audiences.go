package process

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
)

// maxToken is more than a service account's token has, in bytes.
const maxToken = 64 << 10

// APIAudiences are those of which the API server takes tokens, and who issues them, by the
// token with which this process calls it: the kubelet asks for that without an audience, and
// gets it for all that the API server has. None where the process calls with something else.
func APIAudiences(config *rest.Config) []string {
	token := config.BearerToken
	if config.BearerTokenFile != "" {
		content, err := os.ReadFile(config.BearerTokenFile)
		if err != nil {
			return nil // client-go says why
		}
		token = string(content)
	}
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 || len(token) > maxToken {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	claims := struct {
		Issuer   string          `json:"iss"`
		Audience json.RawMessage `json:"aud"`
	}{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil
	}
	var list []string
	if err := json.Unmarshal(claims.Audience, &list); err != nil { // one alone may stand without a list (RFC 7519, section 4.1.3)
		list = make([]string, 1)
		_ = json.Unmarshal(claims.Audience, &list[0])
	}
	list = append(list, claims.Issuer)
	return slices.DeleteFunc(list, func(audience string) bool { return audience == "" })
}
