package compile

import (
	"cmp"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// signing is a credential that signs requests, nil for any other.
func signing(a *v1alpha1.BackendAuthentication) *routeconfig.Credential {
	switch {
	case a.StandardWebhooks != nil:
		return &routeconfig.Credential{Type: routeconfig.CredentialStandardWebhooks, Secret: string(a.StandardWebhooks.SecretName)}
	case a.HMAC != nil:
		return &routeconfig.Credential{
			Type: routeconfig.CredentialHMAC, Secret: string(a.HMAC.SecretName), Key: a.HMAC.Key, Header: string(a.HMAC.Header), HMAC: digest(a.HMAC),
		}
	case a.AWSSigV4 != nil:
		return &routeconfig.Credential{
			Type: routeconfig.CredentialAWSSigV4, Secret: string(a.AWSSigV4.SecretName),
			AWS: &routeconfig.AWS{Region: a.AWSSigV4.Region, Service: a.AWSSigV4.Service},
		}
	}
	return nil
}

func digest(h *v1alpha1.HMAC) *routeconfig.HMAC {
	out := &routeconfig.HMAC{
		Algorithm: string(cmp.Or(h.Algorithm, v1alpha1.HMACSHA256)),
		Encoding:  string(cmp.Or(h.Encoding, v1alpha1.HMACHex)),
		Prefix:    h.Prefix,
	}
	if t := h.Time; t != nil {
		out.Timestamp = &routeconfig.HMACTimestamp{
			Header: string(t.Header), Prefix: t.Prefix, SignedPrefix: t.SignedPrefix, Separator: cmp.Or(t.Separator, "."),
		}
	}
	return out
}
