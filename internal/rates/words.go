package rates

import (
	"fmt"
	"strconv"

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

// MissingOf is the first of what keeps a backend from having its credential; nil for nothing.
func MissingOf(list []stats.MissingKey, backend string) *stats.MissingKey {
	for i := range list {
		if m := &list[i]; m.Backend == backend && !m.Stale {
			return m
		}
	}
	return nil
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

// Told is a failure in words: reason and status, and why; refuses is said of a status that is about the
// credential, and nothing where it is empty.
func Told(f *stats.Failure, refuses string) string {
	text := string(f.Reason)
	if f.Status != 0 {
		text += " " + strconv.Itoa(f.Status)
	}
	switch {
	case f.Message != "":
		text += ": " + f.Message
	case f.Refused && refuses != "":
		text += ": " + refuses
	}
	return text
}
