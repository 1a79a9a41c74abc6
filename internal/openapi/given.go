package openapi

import (
	"net/url"
	"slices"
	"strings"
)

// given is what a call has, taken apart when the first parameter asks for it.
type given struct {
	call      *Call
	operation *Operation
	segments  []string
	query     []pair
	cookies   []pair
	cut       bool
}

// pair is a name and a value, which is as it was sent.
type pair struct{ name, value string }

// sent is what a parameter was sent as: its texts, or the pairs that are members of an
// object.
type sent struct {
	texts []string
	pairs []pair
}

// find returns what a parameter was sent as; false for not at all.
func (p *parameter) find(g *given) (sent, bool) {
	switch p.in {
	case inPath:
		return sent{texts: g.segment(p.name)}, true
	case inHeader:
		if p.name == "Host" {
			return sent{texts: []string{g.call.Host}}, g.call.Host != ""
		}
		lines := g.call.Header[p.name]
		return sent{texts: lines}, len(lines) > 0
	}
	g.take()
	pairs := g.query
	if p.in == inCookie {
		pairs = g.cookies
	}
	s := sent{}
	for _, one := range pairs {
		if one.name == p.name {
			s.texts = append(s.texts, one.value)
		} else if p.holds(g, one.name) {
			s.pairs = append(s.pairs, one)
		}
	}
	return s, len(s.texts)+len(s.pairs) > 0
}

// segment is what of the path a parameter is. The variables of the server's URL stand before
// those of the path.
func (g *given) segment(name string) []string {
	names := g.operation.names
	i := len(g.segments) - len(names) + slices.Index(names, name)
	return g.segments[i : i+1]
}

// holds reports whether a name is that of a member of the parameter's object. Names that
// nobody describes are members of an object that stands among the parameters of a query.
func (p *parameter) holds(g *given, name string) bool {
	if !p.composed() {
		return false
	}
	if p.describes(name) {
		return true
	}
	others := func(o *parameter) bool { return o.in == p.in && o != p && (o.name == name || o.describes(name)) }
	return p.style == "form" && p.in == inQuery && !slices.ContainsFunc(g.operation.parameters, others)
}

// composed reports whether a value is put together from what has names of its own.
func (p *parameter) composed() bool {
	return !p.asJSON && p.schema != nil && p.writing.own&kindObject != 0 && p.spreads()
}

// describes reports whether a name is that of a member which the document describes.
func (p *parameter) describes(name string) bool {
	if !p.composed() {
		return false
	}
	if p.style == "deepObject" {
		return strings.HasPrefix(name, p.name+"[")
	}
	_, described := p.writing.properties[name]
	return described
}

// take takes query and cookies apart, once a call.
func (g *given) take() {
	if g.cut {
		return
	}
	g.cut = true
	for part := range strings.SplitSeq(g.call.Query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if text, err := url.QueryUnescape(name); err == nil {
			name = text
		}
		g.query = append(g.query, pair{name, value})
	}
	for _, line := range g.call.Header["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			if name, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
				g.cookies = append(g.cookies, pair{name, value})
			}
		}
	}
}
