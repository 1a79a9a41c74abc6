// Openapi writes the schema by which kustomize patches single items of a FanoutRoute's
// lists. kustomize takes merge keys out of one OpenAPI file, which replaces its own: so
// those of Kubernetes' types are in it too, without all that no merge needs.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"
)

const (
	strategy  = "x-kubernetes-patch-strategy"
	mergeKey  = "x-kubernetes-patch-merge-key"
	mapKeys   = "x-kubernetes-list-map-keys"
	kinds     = "x-kubernetes-group-version-kind"
	reference = "#/definitions/"
	frame     = `{"swagger":"2.0","info":{"title":"merge keys for kustomize, written by make manifests","version":"v1"},"paths":{},"definitions":{
%s
}}
`
)

// object is a schema, or another object of JSON.
type object = map[string]any

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: openapi CRD.yaml")
	}
	definitions := map[string]object{}
	encoded, err := json.Marshal(openapi.Schema().Definitions)
	if err != nil {
		return fmt.Errorf("encode kustomize's own schema: %w", err)
	}
	if err := json.Unmarshal(encoded, &definitions); err != nil {
		return fmt.Errorf("read kustomize's own schema: %w", err)
	}
	if err := add(definitions, args[0]); err != nil {
		return err
	}
	kept := reduce(definitions)
	lines := make([]string, 0, len(kept))
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		line, err := json.Marshal(kept[name])
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		lines = append(lines, fmt.Sprintf("%q:%s", name, line))
	}
	if _, err := fmt.Fprintf(out, frame, strings.Join(lines, ",\n")); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// add puts the kind of a CRD among the definitions.
func add(definitions map[string]object, file string) error {
	raw, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return fmt.Errorf("read CRD: %w", err)
	}
	var crd struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema object `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		return fmt.Errorf("read CRD: %w", err)
	}
	for _, v := range crd.Spec.Versions {
		schema := v.Schema.OpenAPIV3Schema
		mark(schema)
		schema[kinds] = []any{object{"group": crd.Spec.Group, "version": v.Name, "kind": crd.Spec.Names.Kind}}
		if properties, ok := schema["properties"].(object); ok {
			properties["metadata"] = object{"$ref": reference + "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
		}
		definitions[crd.Spec.Group+"."+v.Name+"."+crd.Spec.Names.Kind] = schema
	}
	return nil
}

// mark says of every list with keys what kustomize asks for: it reads patch strategies,
// and overlooks x-kubernetes-list-type.
func mark(node any) {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			mark(item)
		}
	case object:
		if keys, ok := node[mapKeys].([]any); ok {
			node[strategy], node[mergeKey] = "merge", keys[0]
		}
		for _, name := range slices.Sorted(maps.Keys(node)) {
			mark(node[name])
		}
	}
}

// reduce leaves the kinds below which there is something to merge, and what they refer to.
func reduce(definitions map[string]object) map[string]object {
	mergeable := map[string]object{}
	for grown := true; grown; {
		grown = false
		for name, schema := range definitions {
			_, known := mergeable[name]
			if less := prune(schema, mergeable); less != nil && !known {
				mergeable[name], grown = less, true
			}
		}
	}
	kept := map[string]object{}
	for name, schema := range definitions {
		if schema[kinds] != nil && mergeable[name] != nil {
			keep(name, definitions, mergeable, kept)
		}
	}
	return kept
}

func keep(name string, definitions, mergeable, kept map[string]object) {
	if _, done := kept[name]; done {
		return
	}
	kept[name] = prune(definitions[name], mergeable)
	if k := definitions[name][kinds]; k != nil {
		kept[name][kinds] = k
	}
	encoded, _ := json.Marshal(kept[name])
	for _, part := range strings.Split(string(encoded), `"$ref":"`+reference)[1:] {
		target, _, _ := strings.Cut(part, `"`)
		keep(target, definitions, mergeable, kept)
	}
}

// prune leaves of a schema what a merge needs, or nothing.
func prune(schema object, mergeable map[string]object) object {
	less := object{}
	if ref, ok := schema["$ref"].(string); ok {
		if mergeable[strings.TrimPrefix(ref, reference)] != nil {
			less["$ref"] = ref
		}
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if below, ok := schema[name].(object); ok {
			if below = prune(below, mergeable); below != nil {
				less[name] = below
			}
		}
	}
	properties := object{}
	below, _ := schema["properties"].(object)
	for name, property := range below {
		property, _ := property.(object)
		if property = prune(property, mergeable); property != nil {
			properties[name] = property
		}
	}
	if len(properties) > 0 {
		less["properties"] = properties
	}
	for _, name := range []string{strategy, mergeKey, mapKeys} {
		if value := schema[name]; value != nil {
			less[name] = value
		}
	}
	if len(less) > 0 && schema["type"] != nil {
		less["type"] = schema["type"]
	}
	if len(less) == 0 {
		return nil
	}
	return less
}
