package stats

import "strings"

// What is listed of missing keys follows from what a spec can name, and from what a
// condition can show: 4 KiB, of which this is several times as much.
const (
	baseMissing    = 32 // of the callers
	backendMissing = 8
	maxMissing     = baseMissing + backendMissing*maxBackends
	maxMissingText = 16 << 10
	maxField       = 200
)

// missingKeys is a list with bounds.
type missingKeys struct {
	list  []MissingKey
	limit int // of entries
	text  int // bytes of names and messages
}

// add appends a key where it fits, without its message where only that does not.
func (m *missingKeys) add(key MissingKey) bool {
	text := textOf(&key)
	if len(m.list) >= m.limit || m.text+text > maxMissingText {
		return false
	}
	if m.text+text+len(key.Message) > maxMissingText {
		key.Message = ""
	}
	m.text += text + len(key.Message)
	m.list = append(m.list, key)
	return true
}

func textOf(key *MissingKey) int {
	return len(key.Secret) + len(key.ConfigMap) + len(key.Key) + len(key.Backend) + len(key.Issuer) + len(key.Audience) + len(key.Field)
}

// ofSpec is a path of a field, or nothing where it is none of a spec's.
func ofSpec(field string) string {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-[]", r)
	}
	if len(field) > maxField || !strings.HasPrefix(field, "spec.") || strings.ContainsFunc(field, other) {
		return ""
	}
	return strings.Clone(field)
}

// names reports whether the key is of one object, and of one that the route's spec names.
func (b *RouteBounds) names(m *MissingKey) bool {
	if m.Audience != "" {
		return m.Secret == "" && m.ConfigMap == "" && b.Audiences[m.Audience]
	}
	if m.ConfigMap != "" {
		return m.Secret == "" && known(b.ConfigMaps, m.ConfigMap)
	}
	return known(b.Secrets, m.Secret)
}
