package outgoing

import (
	"errors"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// What a backend is asked for: its own path, and what of the call's is put behind it, byte
// for byte.
func TestTargets(t *testing.T) {
	t.Parallel()
	const host = "http://one.example.com"
	for _, row := range []struct {
		url, kind, path string
		prefix          int
		want            string
	}{
		{host, routeconfig.PathURL, "/a", 0, "/"},
		{host + "/x", routeconfig.PathURL, "/a", 0, "/x"},
		{host + "/x%2Fy/", routeconfig.PathURL, "*", 0, "/x%2Fy/"},
		{host, routeconfig.PathForward, "/a%2Fb;c", 0, "/a%2Fb;c"},
		{host + "/x", routeconfig.PathForward, "/a/", 0, "/x/a/"},
		{host + "/x/", routeconfig.PathForward, "/a", 0, "/x/a"},
		{host, routeconfig.PathForward, "//a", 0, "//a"},
		{host + "/x", routeconfig.PathReplacePrefix, "/a/b", 2, "/x/b"},
		{host + "/x", routeconfig.PathReplacePrefix, "/a/b", 3, "/x/b"},
		{host + "/x", routeconfig.PathReplacePrefix, "/a", 2, "/x"},
		{host + "/x/", routeconfig.PathReplacePrefix, "/a", 2, "/x/"},
		{host, routeconfig.PathReplacePrefix, "/a", 2, "/"},
	} {
		r, err := newRules(t, routeconfig.Backend{URL: row.url, Request: routeconfig.Request{Path: row.kind}})
		if err != nil {
			t.Fatal(err)
		}
		call := &fanout.Call{Method: "GET", Path: row.path, Prefix: row.prefix}
		made := r.Make(call, &Computed{})
		if got := made.URL.RequestURI(); got != row.want || r.Check(call) != nil {
			t.Errorf("%s of %s at %s: %s, want %s; %v", row.kind, row.path, row.url, got, row.want, r.Check(call))
		}
	}
}

// A path that cannot be put behind the backend's own byte for byte is refused, and one of
// which nothing is sent never is.
func TestPathsThatCannotBeForwarded(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]error{"*": errAsterisk, "a": errAsterisk, "": errAsterisk, "/a/../b": errDotSegment, "//a{": errDoubleSlash, "/a{": nil} {
		for kind, forwards := range map[string]bool{
			routeconfig.PathForward: true, routeconfig.PathReplacePrefix: true, routeconfig.PathURL: false, routeconfig.PathExpression: false,
		} {
			r, err := newRules(t, routeconfig.Backend{URL: "http://one.example.com", Request: routeconfig.Request{Path: kind}})
			if err != nil {
				t.Fatal(err)
			}
			err = r.Check(&fanout.Call{Path: path})
			if forwards && !errors.Is(err, want) || !forwards && err != nil {
				t.Errorf("%s of %q: %v, want %v", kind, path, err, want)
			}
		}
	}
}

// What a query becomes: nothing is changed but what a rule names.
func TestQueries(t *testing.T) {
	t.Parallel()
	set := []routeconfig.NameValue{{Name: "k", Value: "o k"}}
	for _, row := range []struct {
		query string
		has   bool
		rules routeconfig.Request
		want  string
	}{
		{"", false, routeconfig.Request{}, "/x"},
		{"", true, routeconfig.Request{}, "/x?"},
		{"b=%2f&a", true, routeconfig.Request{}, "/x?b=%2f&a"},
		{"b=%2f&a", true, routeconfig.Request{DropQuery: true}, "/x"},
		{"b=%2f&%61=1", true, routeconfig.Request{RemoveQuery: []string{"a"}}, "/x?b=%2f"},
		{"a=1", true, routeconfig.Request{RemoveQuery: []string{"a"}}, "/x"},
		{"%zz=1&a", true, routeconfig.Request{RemoveQuery: []string{"%zz"}}, "/x?a"},
		{"", false, routeconfig.Request{SetQuery: set}, "/x?k=o+k"},
		{"k=1&b", true, routeconfig.Request{SetQuery: set}, "/x?b&k=o+k"},
		{"k=1&b", true, routeconfig.Request{DropQuery: true, SetQuery: set}, "/x?k=o+k"},
	} {
		row.rules.Path = routeconfig.PathURL
		r := newRequest(t, row.rules, &fanout.Call{Method: "GET", Path: "/", Query: row.query, HasQuery: row.has})
		if got := r.URL.RequestURI(); got != row.want {
			t.Errorf("%q with %+v: %s, want %s", row.query, row.rules, got, row.want)
		}
	}
}

// The authority that a backend sees: that of its URL, one that is set, or the caller's,
// which is not known before there is a call.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rules          routeconfig.Request
		always, called string
	}{
		{routeconfig.Request{}, "", ""},
		{routeconfig.Request{Host: "set.example.com"}, "set.example.com", "set.example.com"},
		{routeconfig.Request{ForwardHost: true}, "", "caller.example.com"},
		{routeconfig.Request{Host: "set.example.com", ForwardHost: true}, "", "caller.example.com"},
	} {
		r, err := newRules(t, routeconfig.Backend{Request: row.rules})
		if err != nil {
			t.Fatal(err)
		}
		call := &fanout.Call{Method: "GET", Path: "/", Host: "caller.example.com"}
		if made := r.Make(call, &Computed{}); r.Host() != row.always || made.Authority != row.called || r.Authority(call) != row.called {
			t.Errorf("%+v: %q for every call, %q for one; want %q and %q", row.rules, r.Host(), made.Authority, row.always, row.called)
		}
	}
}
