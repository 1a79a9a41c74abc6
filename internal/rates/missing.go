package rates

import (
	"fmt"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// MissingReason is the reason that hurts most: what is missing comes before what cannot be used,
// and Secrets before ConfigMaps, of which the last good one may still be in use.
func MissingReason(list []stats.MissingKey) string {
	reason := v1alpha1.ReasonConfigMapUnusable
	for i := range list {
		switch m := &list[i]; {
		case m.Issuer != "":
			if reason == v1alpha1.ReasonConfigMapUnusable {
				reason = v1alpha1.ReasonIssuerUnusable
			}
		case m.ConfigMap == "" && m.Message == "":
			return v1alpha1.ReasonSecretMissing
		case m.Message == "":
			reason = v1alpha1.ReasonConfigMapMissing
		case m.ConfigMap == "" && reason != v1alpha1.ReasonConfigMapMissing:
			reason = v1alpha1.ReasonSecretUnusable
		}
	}
	return reason
}

// Missing says what a proxy lacks, for which backend or field.
func Missing(m *stats.MissingKey) string {
	if m.Issuer != "" {
		return fmt.Sprintf("Issuer %q: %s", m.Issuer, m.Message)
	}
	object := fmt.Sprintf("Secret %q", m.Secret)
	switch {
	case m.ConfigMap != "":
		object = fmt.Sprintf("ConfigMap %q", m.ConfigMap)
	case m.Audience != "":
		object = fmt.Sprintf("service-account token %q", m.Audience)
	}
	line := object + " is missing or empty"
	if m.Key != "" {
		line = fmt.Sprintf("%s lacks the key %q", object, m.Key)
	}
	if m.Message != "" {
		line = object + ": " + m.Message
	}
	if m.ConfigMap != "" && m.Stale {
		line += "; what was there before stays in use"
	}
	if m.Backend != "" {
		line += fmt.Sprintf(" for backend %q", m.Backend)
	}
	if m.Field != "" {
		line += " (" + m.Field + ")"
	}
	return line
}
