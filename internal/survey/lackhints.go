package survey

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// maxLacks bounds what is told of what proxies lack: whoever has mended so many asks again.
const maxLacks = 8

// lackHints are what to do about what the proxies lack, each once, as they list it themselves,
// since the condition has room for a part of it; or else as that has it. None where neither
// names an object.
func (f *Walked) lackHints() (list []string) {
	var missing []stats.MissingKey
	for i := range f.Pods {
		missing = append(missing, f.Pods[i].Missing...)
	}
	for i := range f.Conditions {
		if c := &f.Conditions[i]; len(missing) == 0 && ofReferences(c.Reason) {
			missing = toldLacks(c.Message)
		}
	}
	for i := range missing {
		if hint := f.lackHint(&missing[i]); !slices.Contains(list, hint) && len(list) < maxLacks {
			list = append(list, hint)
		}
	}
	return list
}

// toldLacks are what a condition says that proxies lack, for where none of them answers here.
func toldLacks(message string) (list []stats.MissingKey) {
	said := regexp.MustCompile(`(Secret|ConfigMap) "([-.a-z0-9]+)"(?: is missing or empty| lacks the key "([-._A-Za-z0-9]+)"|(: ))(?:[^;"]* for backend "([-a-z0-9]+)")?`)
	for _, m := range said.FindAllStringSubmatch(message, maxLacks) {
		key := stats.MissingKey{Key: m[3], Backend: m[5]}
		if m[4] != "" {
			key.Message = "the condition says why"
		}
		if key.Secret = m[2]; m[1] == "ConfigMap" {
			key.Secret, key.ConfigMap = "", m[2]
		}
		list = append(list, key)
	}
	return list
}

// ofReferences reports whether a reason says that something is lacking which proxies list.
func ofReferences(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.ReasonSecretMissing, v1alpha1.ReasonSecretUnusable, v1alpha1.ReasonConfigMapMissing, v1alpha1.ReasonConfigMapUnusable, v1alpha1.ReasonIssuerUnusable,
	}, reason)
}

// lackHint is what to do about one of them.
func (f *Walked) lackHint(m *stats.MissingKey) string {
	whom := ""
	if m.Backend != "" {
		whom = fmt.Sprintf(" for backend %q", m.Backend)
	} else if m.Field != "" {
		whom = fmt.Sprintf(" (%s)", m.Field)
	}
	switch {
	case m.Secret != "":
		return f.objectHint(m, "Secret", "secret", m.Secret, whom)
	case m.ConfigMap != "":
		return f.objectHint(m, "ConfigMap", "configmap", m.ConfigMap, whom)
	case m.Audience != "" && m.Message != "":
		return fmt.Sprintf("Let the service account's token for %q be sent%s: %s.", m.Audience, whom, m.Message)
	case m.Audience != "":
		return fmt.Sprintf("See that the Pods are those that the operator has made last, and that the API server gives tokens for the audience %q: kubectl -n %s describe pods.", m.Audience, f.Namespace)
	}
	return fmt.Sprintf("See that the keys of issuer %q can be fetched from the proxies' network (%s); callers' tokens are judged by the last good keys for at most 24 h.", m.Issuer, m.Message)
}

func (f *Walked) objectHint(m *stats.MissingKey, kind, resource, name, whom string) string {
	edit := fmt.Sprintf("kubectl -n %s edit %s %s", f.Namespace, resource, name)
	meanwhile := ""
	if m.Stale {
		meanwhile = "; the last good one is used meanwhile"
	}
	switch {
	case m.Message != "":
		return fmt.Sprintf("Mend the %s %q%s (%s): %s%s.", kind, name, whom, m.Message, edit, meanwhile)
	case m.Key != "":
		return fmt.Sprintf("Add the key %q to the %s %q%s: %s, or create it%s. Proxies see it within about two minutes.", m.Key, kind, name, whom, edit, meanwhile)
	case resource == "secret":
		return fmt.Sprintf("Create the Secret %q%s: kubectl -n %s create secret generic %s --from-literal=KEY=VALUE%s. Proxies see it within about two minutes.", name, whom, f.Namespace, name, meanwhile)
	}
	return fmt.Sprintf("Create the ConfigMap %q%s: kubectl -n %s create configmap %s --from-file=FILE%s. Proxies see it within about two minutes.", name, whom, f.Namespace, name, meanwhile)
}
