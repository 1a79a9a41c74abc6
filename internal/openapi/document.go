package openapi

import (
	"cmp"
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
	mistyped *CompileError // the first value that has a type of its own
	tangled  *CompileError // the first schema of a parameter whose parts cannot be told
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
	if flaw := c.run(); flaw != nil {
		return nil, flaw
	}
	return &API{c.tree}, nil
}

// run reads operations, and compiles the schemas that they need. A value of a wrong type is
// told before what follows from it.
func (c *compiler) run() *CompileError {
	flaw := c.operations()
	if flaw == nil && c.mistyped == nil && c.tangled == nil {
		flaw = c.compile()
	}
	return cmp.Or(c.mistyped, c.tangled, flaw)
}

// operations reads all that the document describes.
func (c *compiler) operations() *CompileError {
	whole := place{value: c.document, there: true}
	version := whole.child("openapi")
	text, _ := version.value.(string)
	switch {
	case strings.HasPrefix(text, "3.0."):
		c.schemas.dialect = judge.DialectOpenAPI30
	case strings.HasPrefix(text, "3.1."):
		c.schemas.dialect = judge.DialectOpenAPI31
	default:
		return c.fault(version, "openapi must be 3.0.x or 3.1.x, a text")
	}
	c.text(whole.child("jsonSchemaDialect")) // what it is has been looked at
	paths := whole.child("paths")
	for _, template := range slices.Sorted(maps.Keys(c.members(paths))) {
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
	if name := twice(namesIn(segments)); name != "" {
		return c.fault(p, "the path has {"+name+"} twice: give one of them another name")
	}
	item, err := c.pathItemAt(p)
	if err != nil {
		return err
	}
	if own := item.child("servers"); own.there {
		servers = own
	}
	for _, method := range []string{"delete", "get", "head", "options", "patch", "post", "put"} {
		described := item.child(method)
		if !described.there {
			continue
		}
		c.members(described)
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
		if own := described.child("servers"); own.there {
			bases = own
		}
		if err := c.mount(strings.ToUpper(method), segments, o, described, bases); err != nil {
			return err
		}
	}
	return nil
}

// twice is the first name that stands twice in a list; empty for none.
func twice(names []string) string {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return name
		}
	}
	return ""
}

// pathItemAt is what a path leads to. What stands beside its $ref would be left out, and the
// specification does not say which of the two counts: operations of the one or of the other
// would not be judged.
func (c *compiler) pathItemAt(p place) (place, *CompileError) {
	if _, refers := c.reference(p); refers {
		for _, name := range slices.Sorted(maps.Keys(c.members(p))) {
			if name != "$ref" && name != "summary" && name != "description" && !strings.HasPrefix(name, "x-") {
				return place{}, c.fault(p.child(name), "it stands beside $ref, and is not read: move it to where that leads, or write out here what is there")
			}
		}
	}
	return c.object(p)
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
	all := c.elements(servers)
	if len(all) == 0 {
		return [][]segment{nil}, nil
	}
	if len(all) > maxBases {
		return nil, c.fault(servers, "there are more than "+strconv.Itoa(maxBases)+" servers")
	}
	for _, server := range all {
		raw := server.child("url")
		if c.members(server); !raw.there {
			return nil, c.fault(server, "a server has a url")
		}
		base, bad := pathOf(c.text(raw))
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
		_, path, _ = strings.Cut(rest, "/")
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
