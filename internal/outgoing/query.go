package outgoing

import (
	"net/url"
	"strings"
)

// without drops the parameters of a raw query that a rule names and leaves the others,
// their order and their bytes alone.
func without(query string, drop func(name string) bool) string {
	kept := make([]string, 0, strings.Count(query, "&")+1)
	for pair := range strings.SplitSeq(query, "&") {
		raw, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(raw)
		if err != nil {
			name = raw
		}
		if !drop(name) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

func join(query, more string) string {
	if query == "" {
		return more
	}
	return query + "&" + more
}

func appendParameter(query, name, value string) string {
	return join(query, url.QueryEscape(name)+"="+url.QueryEscape(value))
}
