package openapi

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/rawjson"
)

// Where parameters are.
const (
	inPath   = "path"
	inQuery  = "query"
	inHeader = "header"
	inCookie = "cookie"
)

// parameter is one of an operation.
type parameter struct {
	in, name   string
	required   bool
	allowEmpty bool
	style      string
	explode    bool
	asJSON     bool    // the value is a JSON text
	schema     *schema // nil admits any value
	writing    *writing
}

// parameters reads those of an operation: its own, and those of its path that it does not
// have in words of its own.
func (c *compiler) parameters(item, operation place, segments []segment) (list []*parameter, err *CompileError) {
	for _, described := range slices.Concat(c.elements(operation.child("parameters")), c.elements(item.child("parameters"))) {
		p, err := c.parameter(described, segments)
		if err != nil {
			return nil, err
		}
		known := func(other *parameter) bool { return other.in == p.in && other.name == p.name }
		if p.ignored() || slices.ContainsFunc(list, known) {
			continue
		}
		list = append(list, p)
	}
	return list, nil
}

// parameter reads one.
func (c *compiler) parameter(at place, segments []segment) (*parameter, *CompileError) {
	at, err := c.object(at)
	if err != nil {
		return nil, err
	}
	p := &parameter{
		in: c.text(at.child("in")), name: c.text(at.child("name")), required: c.says(at.child("required"), false),
		allowEmpty: c.says(at.child("allowEmptyValue"), false), style: c.text(at.child("style")),
	}
	if p.in == inHeader {
		p.name = http.CanonicalHeaderKey(p.name)
	}
	if p.style == "" {
		p.style = styleOf(p.in)
	}
	if !slices.Contains(stylesIn(p.in), p.style) || p.name == "" {
		return nil, c.fault(at, "a parameter has a name, is in path, query, header or cookie, and has a style that is known there")
	}
	holds := func(s segment) bool { return slices.Contains(s.names, p.name) }
	if p.in == inPath && !slices.ContainsFunc(segments, holds) {
		return nil, c.fault(at, fmt.Sprintf("the path has no {%s}", p.name))
	}
	p.explode = c.says(at.child("explode"), p.style == "form" || p.style == "deepObject")
	return p, c.value(p, at)
}

// value reads what the value of a parameter is held against.
func (c *compiler) value(p *parameter, at place) *CompileError {
	described, content := at.child("schema"), at.child("content")
	if types := c.members(content); content.there && len(types) != 1 {
		return c.fault(content, "content names one media type")
	}
	for name := range c.members(content) {
		p.asJSON = isJSON(mediaTypeOf(name))
		of := content.child(name)
		c.members(of)
		if described = of.child("schema"); !p.asJSON {
			return nil
		}
	}
	p.writing = &writing{}
	if !described.there {
		return nil
	}
	p.schema = c.schema(described)
	p.writing = c.writingOf(described)
	return nil
}

// ignored reports whether the document has no say over a parameter (OpenAPI 3.1,
// Parameter Object): that is the business of bodies and of authentication.
func (p *parameter) ignored() bool {
	return p.in == inHeader && (p.name == "Accept" || p.name == "Content-Type" || p.name == "Authorization")
}

func styleOf(in string) string {
	if in == inPath || in == inHeader {
		return "simple"
	}
	return "form"
}

func stylesIn(in string) []string {
	switch in {
	case inPath:
		return []string{"simple", "label", "matrix"}
	case inQuery:
		return []string{"form", "spaceDelimited", "pipeDelimited", "deepObject"}
	case inHeader:
		return []string{"simple"}
	case inCookie:
		return []string{"form"}
	}
	return nil
}

func (p *parameter) fault(pointer, keyword string) []Fault {
	return []Fault{{p.in, p.name, pointer, keyword}}
}

// faults are what is wrong with the parameter of a call.
func (p *parameter) faults(g *given) []Fault {
	sent, ok := p.find(g)
	switch {
	case !ok && p.required:
		return p.fault("", "required")
	case !ok, p.schema == nil:
		return nil
	case p.allowEmpty && len(sent.texts) == 1 && sent.texts[0] == "":
		return nil
	case p.asJSON:
		return p.faultsOfJSON(sent.texts)
	}
	return p.faultsOf(&sent)
}

// faultsOfJSON judges a value that is a JSON text.
func (p *parameter) faultsOfJSON(texts []string) []Fault {
	if len(texts) != 1 {
		return p.fault("", "style")
	}
	text, ok := p.decode(texts[0])
	if !ok {
		return p.fault("", "style")
	}
	value, flaw := (&rawjson.Decoder{}).Decode([]byte(text))
	if flaw != nil {
		return p.fault("", "content")
	}
	return p.judged(p.schema.judge.Faults(value))
}

// faultsOf judges a value that is written in a style. It is admitted where the schema
// admits one of its readings; what is wrong is told of the first of them.
func (p *parameter) faultsOf(sent *sent) (found []Fault) {
	readings := p.readings(sent)
	if len(readings) == 0 {
		return p.fault("", "style")
	}
	for i := range readings {
		faults := p.faultsOfReading(&readings[i])
		if len(faults) == 0 {
			return nil
		}
		if i == 0 {
			found = faults
		}
	}
	return found
}

func (p *parameter) faultsOfReading(r *reading) (found []Fault) {
	for _, value := range r.values {
		faults := p.judged(p.schema.judge.Faults(value))
		switch {
		case r.open && len(faults) > 0:
			return faults
		case !r.open && len(faults) == 0:
			return nil
		case len(found) == 0:
			found = faults
		}
	}
	return found
}

func (p *parameter) judged(faults []judge.Fault) (list []Fault) {
	for _, f := range faults {
		list = append(list, Fault{p.in, p.name, f.Pointer, f.Keyword})
	}
	return list
}
