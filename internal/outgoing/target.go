package outgoing

import (
	"errors"
	"net/url"
	"strings"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// target makes the request-target for a backend: the bytes that a client sent
// stay as they are, except where a rule touches them.
type target struct {
	scheme, host string
	path         string // raw; "/" where the URL has none
	base         string // path without one trailing slash, to append to
	kind         string
	dropQuery    bool
	remove       map[string]bool // names of parameters, decoded
	set          string          // what is appended, encoded
}

func newTarget(base *url.URL, config *routeconfig.Backend) target {
	t := target{
		scheme:    base.Scheme,
		host:      base.Host,
		path:      rawPath(config.URL),
		kind:      config.Request.Path,
		dropQuery: config.Request.DropQuery,
		remove:    map[string]bool{},
	}
	t.base = strings.TrimSuffix(t.path, "/")
	for _, name := range config.Request.RemoveQuery {
		t.remove[name] = true
	}
	for _, p := range config.Request.SetQuery {
		t.remove[p.Name] = true
		if p.Expression == "" {
			t.set = appendParameter(t.set, p.Name, p.Value)
		}
	}
	return t
}

// rawPath returns the path of a URL byte for byte.
func rawPath(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return "/"
}

// appended is the part of the call's path that goes behind the backend's own.
func (t *target) appended(call *fanout.Call) string {
	switch t.kind {
	case routeconfig.PathForward:
		return call.Path
	case routeconfig.PathReplacePrefix:
		rest := call.Path[call.Prefix:]
		if rest != "" && rest[0] != '/' {
			rest = "/" + rest
		}
		return rest
	}
	return ""
}

// full is the raw path of the request.
func (t *target) full(call *fanout.Call) string {
	rest := t.appended(call)
	if rest == "" {
		return t.path
	}
	return t.base + rest
}

// The ways in which a call's path cannot be forwarded.
var (
	errDotSegment  = errors.New("the path has a dot segment")
	errDoubleSlash = errors.New("the path begins with two slashes and has characters that would have to be encoded")
	errAsterisk    = errors.New("the request-target is no path")
)

func (t *target) check(call *fanout.Call) error {
	if t.kind == routeconfig.PathURL || t.kind == routeconfig.PathExpression { // nothing of it is forwarded
		return nil
	}
	if !strings.HasPrefix(call.Path, "/") {
		return errAsterisk
	}
	if hasDotSegment(call.Path) {
		return errDotSegment
	}
	if path := t.full(call); strings.HasPrefix(path, "//") && decoded(path).EscapedPath() != path {
		return errDoubleSlash
	}
	return nil
}

// decoded holds a path in the two fields of which net/url makes the raw one again
// where it is encoded as net/url would have.
func decoded(path string) *url.URL {
	u := &url.URL{RawPath: path}
	u.Path, _ = url.PathUnescape(path)
	return u
}

// url returns the request's URL. Opaque is sent as it is, unlike Path; but one
// that begins with two slashes would become an absolute URI, see check.
func (t *target) url(path, query string, hasQuery bool) url.URL {
	u := url.URL{Opaque: path}
	if strings.HasPrefix(path, "//") {
		u = *decoded(path)
	}
	u.Scheme, u.Host, u.RawQuery, u.ForceQuery = t.scheme, t.host, query, hasQuery
	return u
}

// query returns the raw query, and whether there is a '?' at all.
func (t *target) query(call *fanout.Call) (string, bool) {
	query, has := call.Query, call.HasQuery
	if t.dropQuery {
		query, has = "", false
	}
	if len(t.remove) > 0 {
		query = without(query, func(name string) bool { return t.remove[name] })
		has = query != ""
	}
	if t.set != "" {
		query, has = join(query, t.set), true
	}
	return query, has
}
