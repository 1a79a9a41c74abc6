package gate

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// match is a set of calls.
type match struct {
	path    string // without trailing slash where it is a prefix
	exact   bool
	methods []string // sorted; all of allMethods where empty
}

// allMethods are those that a route can take. TRACE and CONNECT are not fanned
// out: one would show credentials, the other is no request.
func allMethods() []string {
	return []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
}

// newMatches sorts so that the most specific one comes first: it decides which
// prefix a call has. That is the longest one: no prefix that covers a call is longer than
// an exact path that does.
func newMatches(config []routeconfig.Match) []match {
	if len(config) == 0 {
		config = []routeconfig.Match{{Path: "/"}}
	}
	matches := make([]match, len(config))
	for i, c := range config {
		m := match{path: c.Path, exact: c.Exact, methods: slices.Sorted(slices.Values(c.Methods))}
		if !m.exact {
			m.path = strings.TrimSuffix(m.path, "/")
		}
		if len(m.methods) == 0 {
			m.methods = allMethods()
		}
		matches[i] = m
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(len(b.path), len(a.path)) })
	return matches
}

// covers compares by whole raw segments: /orders covers /orders/1, not /orders-1.
func (m *match) covers(path string) bool {
	if m.exact {
		return path == m.path
	}
	rest, ok := strings.CutPrefix(path, m.path)
	return ok && (rest == "" || rest[0] == '/')
}

// match finds the most specific match of a call and notes the prefix.
func (g *Gate) match(_ *Guest, a *Admission) *Refusal {
	call := &a.Call
	// A receiver that cuts there sees another path than we do: in /..#x, a dot segment.
	if strings.Contains(call.Path, "#") || strings.Contains(call.Query, "#") {
		return badPath("the request-target has a fragment")
	}
	never := call.Method == http.MethodTrace || call.Method == http.MethodConnect
	if !strings.HasPrefix(call.Path, "/") && !never {
		return badPath("the request-target is neither a path nor a URL with one")
	}
	var allow []string
	for i := range g.matches {
		m := &g.matches[i]
		if !m.covers(call.Path) {
			continue
		}
		if slices.Contains(m.methods, call.Method) {
			call.Prefix = len(m.path)
			return nil
		}
		allow = append(allow, m.methods...)
	}
	if len(allow) > 0 {
		slices.Sort(allow)
		return methodNotAllowed(slices.Compact(allow))
	}
	if never {
		return methodNotAllowed(allMethods())
	}
	return notFound()
}

// Rule is the match that let a call in, as the route has it: its type and its path. Whoever
// shows it shows nothing that the client has sent.
func (g *Gate) Rule(call *fanout.Call) string {
	for i := range g.matches {
		m := &g.matches[i]
		if !m.covers(call.Path) || !slices.Contains(m.methods, call.Method) {
			continue
		}
		if m.exact {
			return "Exact " + m.path
		}
		return "PathPrefix " + cmp.Or(m.path, "/")
	}
	return ""
}

// split cuts a request-target into raw path and raw query. The absolute form (RFC
// 9112, section 3.2.2) loses its scheme and authority; one with a fragment is not cut.
func split(target string) (path, query string, hasQuery bool) {
	if !strings.HasPrefix(target, "/") && !strings.Contains(target, "#") {
		if _, rest, ok := strings.Cut(target, "://"); ok {
			target = "/"
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				target = rest[i:]
			}
			if target[0] == '?' {
				target = "/" + target
			}
		}
	}
	path, query, hasQuery = strings.Cut(target, "?")
	return path, query, hasQuery
}
