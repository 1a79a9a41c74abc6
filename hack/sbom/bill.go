package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// bill is a document of CycloneDX 1.6. It has no time: that of the build is the same for
// whoever builds it again.
type bill struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	URL        string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// dependency lists what a program links; who of them needs whom no program knows.
type dependency struct {
	Ref  string   `json:"ref"`
	Uses []string `json:"dependsOn"`
}

func newBill(info *debug.BuildInfo, name, version string, sum [sha256.Size]byte) (*bill, error) {
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	program := component{
		Type: "application", Name: name, Version: version, URL: packageURL(info.Main.Path, version, strings.TrimPrefix(info.Path, info.Main.Path+"/")),
		Hashes: []hash{{Algorithm: "SHA-256", Content: hex.EncodeToString(sum[:])}},
	}
	program.Ref = program.URL
	for _, s := range info.Settings {
		program.Properties = append(program.Properties, property{"go:build:" + s.Key, s.Value})
	}
	b := &bill{
		Format: "CycloneDX", Spec: "1.6", Version: 1, Serial: serial(sum), Metadata: metadata{program},
		Components: []component{standard(info.GoVersion)},
	}
	for _, module := range info.Deps {
		c, err := library(module)
		if err != nil {
			return nil, err
		}
		b.Components = append(b.Components, c)
	}
	slices.SortFunc(b.Components, func(x, y component) int { return cmp.Compare(x.Ref, y.Ref) })
	uses := dependency{Ref: program.Ref}
	for _, c := range b.Components {
		uses.Uses = append(uses.Uses, c.Ref)
	}
	b.Dependencies = []dependency{uses}
	return b, nil
}

// standard is the library of Go, of the version that compiled the program.
func standard(version string) component {
	version = strings.TrimPrefix(version, "go")
	c := component{Type: "library", Name: "std", Version: version, URL: packageURL("std", version, "")}
	c.Ref = c.URL
	return c
}

// library is a module as it was linked: the one that replaces it, where there is one.
func library(module *debug.Module) (component, error) {
	if module.Replace != nil {
		module = module.Replace
	}
	c := component{Type: "library", Name: module.Path, Version: module.Version, URL: packageURL(module.Path, module.Version, "")}
	c.Ref = c.URL
	if module.Sum == "" {
		return c, nil // a folder, which has none
	}
	encoded, ok := strings.CutPrefix(module.Sum, "h1:")
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(sum) != sha256.Size {
		return c, fmt.Errorf("module %s has the sum %q, of another kind than h1", module.Path, module.Sum)
	}
	// The SHA-256 of the list of the module's files and their own, as go.sum has it.
	c.Hashes = []hash{{Algorithm: "SHA-256", Content: hex.EncodeToString(sum)}}
	c.Properties = []property{{"go:sum", module.Sum}}
	return c, nil
}

// packageURL is a purl of the type golang, which has paths in lower case.
func packageURL(path, version, sub string) string {
	url := "pkg:golang/" + strings.ToLower(path)
	if version != "" {
		url += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	if sub != "" {
		url += "#" + sub
	}
	return url
}

// serial names a bill by the program that it speaks of: a UUID of version 8.
func serial(sum [sha256.Size]byte) string {
	id := sum
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
}
