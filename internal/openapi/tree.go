package openapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// node is what follows the same segments in the paths of a document.
type node struct {
	literals   map[string]*node // by what they stand for
	mixed      []mixedNode      // the most concrete one first
	any        *node            // one parameter that is all of the segment
	operations map[string]*Operation
}

// mixedNode follows a segment of texts and parameters, such as {name}.{kind}.
type mixedNode struct {
	text    string
	literal int
	pattern *regexp.Regexp
	node    *node
}

// segment is one of a path template.
type segment struct {
	text    string   // as it is written, parameters without their names
	names   []string // of the parameters in it
	literal int      // how much of it is no parameter
}

// split reads a path template.
func split(template string) (list []segment, err error) {
	for raw := range strings.SplitSeq(strings.TrimPrefix(template, "/"), "/") {
		s := segment{}
		for raw != "" {
			text, rest, ok := strings.Cut(raw, "{")
			if strings.Contains(text, "}") {
				return nil, errors.New("a brace is closed that is not open")
			}
			s.text, s.literal, raw = s.text+text, s.literal+len(text), rest
			if !ok {
				continue
			}
			name, rest, ok := strings.Cut(raw, "}")
			if !ok || name == "" || strings.Contains(name, "{") {
				return nil, errors.New("a brace is open that is not closed, or holds no name")
			}
			s.text, s.names, raw = s.text+"{}", append(s.names, name), rest
		}
		list = append(list, s)
	}
	return list, nil
}

// namesIn are those of all parameters in segments, in order.
func namesIn(segments []segment) (names []string) {
	for _, s := range segments {
		names = append(names, s.names...)
	}
	return names
}

// add puts an operation where its path leads.
func (n *node) add(method string, segments []segment, o *Operation) error {
	for _, s := range segments {
		n = n.next(s)
	}
	if n.operations == nil {
		n.operations = map[string]*Operation{}
	}
	if other := n.operations[method]; other != nil && other.template != o.template {
		return fmt.Errorf("no call can tell it from %q", other.template)
	}
	n.operations[method] = o
	return nil
}

// next is the node behind a segment, made where there is none.
func (n *node) next(s segment) *node {
	switch {
	case len(s.names) == 0:
		text := plain(s.text)
		if n.literals == nil {
			n.literals = map[string]*node{}
		}
		if n.literals[text] == nil {
			n.literals[text] = &node{}
		}
		return n.literals[text]
	case s.text == "{}":
		if n.any == nil {
			n.any = &node{}
		}
		return n.any
	}
	for i := range n.mixed {
		if n.mixed[i].text == s.text {
			return n.mixed[i].node
		}
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(s.text), `\{\}`, "(.+?)") + "$"
	m := mixedNode{s.text, s.literal, regexp.MustCompile(pattern), &node{}}
	n.mixed = append(n.mixed, m)
	slices.SortFunc(n.mixed, func(a, b mixedNode) int {
		return cmp.Or(cmp.Compare(b.literal, a.literal), cmp.Compare(a.text, b.text))
	})
	return m.node
}

// find returns the operation of a method and a path, and the segments that are parameters.
// What is written out is preferred from the first segment on. Each node is passed once at
// most, whatever the path is.
func (n *node) find(method, path string) (*Operation, []string) {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, nil
	}
	return n.search(method, path, nil)
}

func (n *node) search(method, path string, held []string) (*Operation, []string) {
	raw, rest, more := strings.Cut(path, "/")
	try := func(next *node, held []string) (*Operation, []string) {
		switch {
		case next == nil:
			return nil, nil
		case more:
			return next.search(method, rest, held)
		}
		return next.operations[method], held
	}
	text := plain(raw)
	if o, found := try(n.literals[text], held); o != nil {
		return o, found
	}
	// A receiver takes dots for the way up, and no segment for one that is not there.
	if text == "" || text == "." || text == ".." {
		return nil, nil
	}
	for i := range n.mixed {
		if parts := n.mixed[i].pattern.FindStringSubmatch(raw); parts != nil {
			if o, found := try(n.mixed[i].node, append(slices.Clip(held), parts[1:]...)); o != nil {
				return o, found
			}
		}
	}
	return try(n.any, append(slices.Clip(held), raw))
}

// plain is what a segment stands for.
func plain(raw string) string {
	if text, err := url.PathUnescape(raw); err == nil {
		return text
	}
	return raw
}
