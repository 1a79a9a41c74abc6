package openapi

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fanout-operator/fanout/internal/judge"
)

const (
	// maxOperations bounds the operations of a document, and maxBases the paths of servers
	// below which each is found.
	maxOperations = 1000
	maxBases      = 16
)

// compiler makes an API of a document.
type compiler struct {
	root     *yaml.Node
	document map[string]any
	schemas  schemas
	steps    int
	count    int
	tree     *node
}

// Compile compiles the text of a document, in YAML or JSON. The error is a *CompileError.
func Compile(text string) (api *API, err error) {
	defer func() {
		if recover() != nil { // a defect of a library must not be the end of the process
			api, err = nil, &CompileError{1, 1, "the compiler failed on it: write it in another way"}
		}
	}()
	root, document, flaw := read(text)
	if flaw != nil {
		return nil, flaw
	}
	c := &compiler{root: root, document: document, tree: &node{}, schemas: schemas{numbers: map[string]int{}}}
	if flaw := c.operations(); flaw != nil {
		return nil, flaw
	}
	if flaw := c.compile(); flaw != nil {
		return nil, flaw
	}
	return &API{c.tree}, nil
}

// operations reads all that the document describes.
func (c *compiler) operations() *CompileError {
	whole := place{value: c.document}
	version := whole.child("openapi")
	switch {
	case strings.HasPrefix(version.text(), "3.0."):
		c.schemas.dialect = judge.DialectOpenAPI30
	case strings.HasPrefix(version.text(), "3.1."):
		c.schemas.dialect = judge.DialectOpenAPI31
	default:
		return c.fault(version, "openapi must be 3.0.x or 3.1.x, a text")
	}
	paths := whole.child("paths")
	for _, template := range slices.Sorted(maps.Keys(paths.members())) {
		if strings.HasPrefix(template, "x-") {
			continue
		}
		if err := c.pathItem(template, paths.child(template), whole.child("servers")); err != nil {
			return err
		}
	}
	if c.count == 0 {
		return c.fault(paths, "it describes no operation")
	}
	return nil
}

// pathItem reads the operations of one path.
func (c *compiler) pathItem(template string, p, servers place) *CompileError {
	if !strings.HasPrefix(template, "/") {
		return c.fault(p, "a path begins with a slash")
	}
	segments, bad := split(template)
	if bad != nil {
		return c.fault(p, bad.Error())
	}
	item, err := c.follow(p)
	if err != nil {
		return err
	}
	if own := item.child("servers"); own.value != nil {
		servers = own
	}
	for _, method := range []string{"delete", "get", "head", "options", "patch", "post", "put"} {
		described := item.child(method)
		if described.value == nil {
			continue
		}
		if c.count++; c.count > maxOperations {
			return c.fault(described, "there are more than "+strconv.Itoa(maxOperations)+" operations")
		}
		o := &Operation{template: template, names: namesIn(segments)}
		if o.parameters, err = c.parameters(item, described, segments); err != nil {
			return err
		}
		if o.Body, err = c.body(described.child("requestBody")); err != nil {
			return err
		}
		bases := servers
		if own := described.child("servers"); own.value != nil {
			bases = own
		}
		if err := c.mount(strings.ToUpper(method), segments, o, described, bases); err != nil {
			return err
		}
	}
	return nil
}

// mount puts an operation below the path of each server.
func (c *compiler) mount(method string, segments []segment, o *Operation, described, servers place) *CompileError {
	bases, err := c.bases(servers)
	if err != nil {
		return err
	}
	for _, base := range bases {
		if bad := c.tree.add(method, append(slices.Clip(base), segments...), o); bad != nil {
			return c.fault(described, bad.Error())
		}
	}
	return nil
}

// bases are the paths of servers; the root where there are none.
func (c *compiler) bases(servers place) (list [][]segment, err *CompileError) {
	all := servers.elements()
	if len(all) == 0 {
		return [][]segment{nil}, nil
	}
	if len(all) > maxBases {
		return nil, c.fault(servers, "there are more than "+strconv.Itoa(maxBases)+" servers")
	}
	for _, server := range all {
		base, bad := pathOf(server.child("url").text())
		if bad != nil {
			return nil, c.fault(server, bad.Error())
		}
		list = append(list, base)
	}
	return list, nil
}

// pathOf is the path of a server's URL, which may be a template: a variable stands for any
// segment, or part of one.
func pathOf(raw string) ([]segment, error) {
	path := raw
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		if _, path, ok = strings.Cut(rest, "/"); !ok {
			return nil, nil
		}
	}
	path = strings.Trim(path, "/")
	if strings.ContainsAny(path, "?#") {
		return nil, errors.New("the URL of a server has no query")
	}
	if path == "" {
		return nil, nil
	}
	return split(path)
}
