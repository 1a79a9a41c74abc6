package openapi

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

const (
	// MaxDocument is the length of a document at most, in bytes: what a ConfigMap holds.
	MaxDocument = 1 << 20
	// maxDepth bounds the nesting of a document.
	maxDepth = 128
)

// CompileError says what is wrong with a document, and where: by line and column, from 1.
type CompileError struct {
	Line, Column int
	Text         string
}

// Error implements error.
func (e *CompileError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

func at(n *yaml.Node, text string) *CompileError {
	return &CompileError{max(n.Line, 1), max(n.Column, 1), text}
}

// read reads a document in YAML or JSON. Nothing of it leads anywhere else.
func read(text string) (root *yaml.Node, document map[string]any, err *CompileError) {
	if len(text) > MaxDocument {
		return nil, nil, &CompileError{1, 1, fmt.Sprintf("has %d bytes, at most %d are read", len(text), MaxDocument)}
	}
	stream, decoder := &yaml.Node{}, yaml.NewDecoder(strings.NewReader(text))
	switch err := decoder.Decode(stream); {
	case errors.Is(err, io.EOF):
		return nil, nil, &CompileError{1, 1, "it is empty"}
	case err != nil:
		return nil, nil, unparsed(err)
	}
	if decoder.Decode(&yaml.Node{}) == nil {
		return nil, nil, &CompileError{1, 1, "it is several documents: write one"}
	}
	root = stream.Content[0]
	value, err := valueOf(root, 0)
	if err != nil {
		return nil, nil, err
	}
	document, ok := value.(map[string]any)
	if !ok {
		return nil, nil, at(root, "it is no object")
	}
	return root, document, nil
}

// unparsed is why a text is no YAML. The library writes the line into its message.
func unparsed(err error) *CompileError {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, said, _ := strings.Cut(rest, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			return &CompileError{max(line, 1), 1, said}
		}
	}
	return &CompileError{1, 1, text}
}

// valueOf is a node as JSON has it: numbers keep their text.
func valueOf(n *yaml.Node, depth int) (any, *CompileError) {
	if depth > maxDepth {
		return nil, at(n, "it is nested too deep")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return object(n, depth)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			value, err := valueOf(item, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.ScalarNode:
		return scalar(n)
	default:
		return nil, at(n, "aliases are not read: write out what they stand for")
	}
}

func object(n *yaml.Node, depth int) (any, *CompileError) {
	members := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, node := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return nil, at(key, "a name must be a text")
		}
		if err := guard(key, node); err != nil {
			return nil, err
		}
		value, err := valueOf(node, depth+1)
		if err != nil {
			return nil, err
		}
		if members[key.Value] = value; len(members) != i/2+1 {
			return nil, at(key, fmt.Sprintf("the name %q appears twice", key.Value))
		}
	}
	return members, nil
}

// guard refuses what would have something else read: a file of the proxy, or a host, which
// would be called by whoever may write a document.
func guard(key, value *yaml.Node) *CompileError {
	if value.Kind != yaml.ScalarNode {
		return nil
	}
	switch key.Value {
	case "$ref":
		if !strings.HasPrefix(value.Value, "#/") {
			return at(value, fmt.Sprintf("%s: it is not part of the document, and no other one is read", value.Value))
		}
	case "$id", "$schema", "$self", "$dynamicRef", "$recursiveRef":
		return at(key, key.Value+" is not read: refer by $ref to what is within the document")
	case "jsonSchemaDialect":
		if value.Value != "https://spec.openapis.org/oas/3.1/dialect/base" && value.Value != "https://json-schema.org/draft/2020-12/schema" {
			return at(value, value.Value+": it is no dialect that is known here")
		}
	}
	return nil
}

func scalar(n *yaml.Node) (any, *CompileError) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int", "!!float":
		number, flaw := (&rawjson.Decoder{}).Decode([]byte(n.Value))
		if flaw != nil {
			return nil, at(n, "it is no number that JSON has, or too long a one")
		}
		return number, nil
	}
	return n.Value, nil
}

// locate is the node at a path, or the last one on the way to it.
func locate(n *yaml.Node, path []string) *yaml.Node {
	for _, token := range path {
		next := childOf(n, token)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

func childOf(n *yaml.Node, token string) *yaml.Node {
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
		return nil
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == token {
			return n.Content[i+1]
		}
	}
	return nil
}
