package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	bodies "github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

// schemaSuite is one draft of JSON-Schema-Test-Suite as a module of Go holds it.
type schemaSuite struct {
	module, folder string
	dialect        string // of schemas that name none
}

// schemaSuites are read from the module cache, at pinned versions: the suite itself is no
// module. That of 2019-09 is from early in that draft's life.
func schemaSuites() []schemaSuite {
	const (
		xeipuuv, google, qri = "github.com/xeipuuv/gojsonschema@v1.2.0", "github.com/google/jsonschema-go@v0.4.3", "github.com/qri-io/jsonschema@v0.2.1"
	)
	return []schemaSuite{
		{xeipuuv, "testdata/draft4", "http://json-schema.org/draft-04/schema#"},
		{xeipuuv, "testdata/draft6", "http://json-schema.org/draft-06/schema#"},
		{xeipuuv, "testdata/draft7", "http://json-schema.org/draft-07/schema#"},
		{google, "jsonschema/testdata/draft7", "http://json-schema.org/draft-07/schema#"},
		{qri, "testdata/draft2019-09", "https://json-schema.org/draft/2019-09/schema"},
		{google, "jsonschema/testdata/draft2020-12", "https://json-schema.org/draft/2020-12/schema"},
	}
}

// schemaGroup is a schema of the suite and bodies for it.
type schemaGroup struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Tests       []struct {
		Description string          `json:"description"`
		Data        json.RawMessage `json:"data"`
		Valid       bool            `json:"valid"`
	} `json:"tests"`
}

// verdicts counts tests, and names those that came out otherwise.
type verdicts struct {
	passed, total int
	missed        []string
}

// schemas holds the bodies of JSON-Schema-Test-Suite against its schemas, as the gate does:
// compiled from one text, decoded with numbers kept, judged.
func schemas(string) (section string, wrong []string, err error) {
	var b strings.Builder
	b.WriteString("## JSON-Schema-Test-Suite\n\nRead from the module cache. Each schema is compiled as `validation.jsonSchema` is, each body decoded and judged " +
		"as a call's. What is missed is named: schemas that refer to other documents are refused, as they have to be; `format` is no assertion from 2019-09 on, and `content…` none in any draft.\n\n" +
		"| module | draft | required | optional |\n|---|---|---|---|\n")
	var missed []string
	for _, s := range schemaSuites() {
		dir, err := moduleDir(s.module)
		if err != nil {
			return "", nil, err
		}
		required, err := s.run(filepath.Join(dir, s.folder, "*.json"))
		if err != nil {
			return "", nil, err
		}
		optional := verdicts{}
		for _, pattern := range []string{"optional/*.json", "optional/format/*.json"} {
			more, err := s.run(filepath.Join(dir, s.folder, pattern))
			if err != nil {
				return "", nil, err
			}
			optional.passed, optional.total, optional.missed = optional.passed+more.passed, optional.total+more.total, append(optional.missed, more.missed...)
		}
		if required.total == 0 {
			return "", nil, fmt.Errorf("find tests in %s/%s: %w", s.module, s.folder, os.ErrNotExist)
		}
		fmt.Fprintf(&b, "| %s | %s | %d of %d | %d of %d |\n", s.module, filepath.Base(s.folder), required.passed, required.total, optional.passed, optional.total)
		missed = append(missed, listed(s, "required", required.missed)...)
		missed = append(missed, listed(s, "optional", optional.missed)...)
		wrong = append(wrong, unexplained(s, required.missed)...)
	}
	b.WriteString("\n| draft | missed | tests |\n|---|---|---|\n" + strings.Join(missed, "\n") + "\n")
	return b.String(), wrong, nil
}

// moduleDir is where the module cache has a module, which is fetched where it does not.
func moduleDir(module string) (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output() //nolint:gosec // modules that are named here
	if err != nil {
		return "", fmt.Errorf("download %s: %w", module, err)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		return "", fmt.Errorf("read what was downloaded of %s: %w", module, err)
	}
	return downloaded.Dir, nil
}

func (s schemaSuite) run(pattern string) (all verdicts, err error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return all, fmt.Errorf("find files: %w", err)
	}
	slices.Sort(files)
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return all, fmt.Errorf("read suite: %w", err)
		}
		var groups []schemaGroup
		if err := json.Unmarshal(raw, &groups); err != nil {
			return all, fmt.Errorf("read %s: %w", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		for i := range groups {
			s.judge(&all, name, &groups[i])
		}
	}
	return all, nil
}

func (s schemaSuite) judge(all *verdicts, file string, g *schemaGroup) {
	compiled, err := bodies.Compile(s.complete(g.Schema))
	for _, test := range g.Tests {
		all.total++
		if err == nil && admits(compiled, test.Data) == test.Valid {
			all.passed++
			continue
		}
		all.missed = append(all.missed, file+": "+g.miss(err))
	}
}

// elsewhere is why schemas are refused that refer to other documents.
const elsewhere = "refers to another document"

// miss names what was missed.
func (g *schemaGroup) miss(err error) string {
	switch {
	case err == nil:
		return g.Description
	case strings.Contains(err.Error(), "no other document is read"):
		return elsewhere
	}
	_, why, _ := strings.Cut(err.Error(), ": ")
	return g.Description + ": " + why
}

// complete lets a schema of an older draft say which it is of.
func (s schemaSuite) complete(schema json.RawMessage) string {
	text := strings.TrimSpace(string(schema))
	if !strings.HasPrefix(text, "{") || strings.Contains(text, `"$schema"`) {
		return text
	}
	comma := ","
	if strings.TrimSpace(text[1:]) == "}" {
		comma = ""
	}
	return `{"$schema":"` + s.dialect + `"` + comma + text[1:]
}

func admits(s *bodies.Schema, body []byte) bool {
	v, err := (&rawjson.Decoder{}).Decode(body)
	return err == nil && len(s.Faults(v)) == 0
}

// listed has a row for each schema of which tests were missed, with their number.
func listed(s schemaSuite, kind string, missed []string) (rows []string) {
	for i := 0; i < len(missed); {
		n := i
		for n < len(missed) && missed[n] == missed[i] {
			n++
		}
		rows = append(rows, fmt.Sprintf("| %s, %s | %s | %d |", filepath.Base(s.folder), kind, strings.ReplaceAll(missed[i], "|", "\\|"), n-i))
		i = n
	}
	return rows
}

// unexplained are misses that are no refusal to read other documents.
func unexplained(s schemaSuite, missed []string) (list []string) {
	for _, m := range missed {
		if !strings.HasSuffix(m, elsewhere) {
			list = append(list, filepath.Base(s.folder)+": "+m)
		}
	}
	return list
}
