package gate

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/judge"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// judgeFactor is how much longer it takes to judge a byte than to look at it.
	judgeFactor = 16
	// faultSize is what a value that a schema does not admit takes until that is told, in
	// bytes: nobody knows before how many there are.
	faultSize = 256
	// unaccounted is what is too little to be accounted for, in bytes.
	unaccounted = 16 << 10
)

// schemaOf returns what bodies are held against: a schema that is part of the document,
// or the last good one of a ConfigMap.
func schemaOf(config *routeconfig.Route, store *creds.Store) (get func() (*judge.Schema, error), err error) {
	s := config.Validation.JSONSchema
	if s == nil {
		return nil, nil
	}
	if s.ConfigMap != nil {
		return Schema(store, config.Namespace, *s.ConfigMap).Get, nil
	}
	fixed, err := judge.Compile(s.Text)
	if err != nil {
		return nil, err // it has the place; the caller says of what
	}
	return func() (*judge.Schema, error) { return fixed, nil }, nil
}

// Schema is the handle on a schema in a ConfigMap.
func Schema(store *creds.Store, namespace string, at routeconfig.ConfigMapKey) *creds.Derived[*judge.Schema] {
	return creds.Config(store, namespace, at, string(routeconfig.UseJSONSchema), judge.Compile)
}

// checkBody holds the body against the schema.
func (g *Gate) checkBody(guest *Guest, a *Admission) *Refusal {
	return g.judged(routeconfig.RuleSchema, g.judgeBody(guest, a))
}

// judgeBody says what is wrong with the body. What is no JSON text is none that a schema
// can judge, whatever its Content-Type says, and so is an empty body where the method
// calls for one. Who has one value in mind where the schema saw another is refused, too: an
// object with a name that appears twice, or bytes in an encoding.
func (g *Gate) judgeBody(guest *Guest, a *Admission) *Refusal {
	body := a.Call.Body
	if len(body) == 0 && !callsForBody(guest.Request.Method) {
		return nil
	}
	schema, err := g.schema()
	if err != nil {
		return unjudged()
	}
	return judgeBytes(guest, schema, body, routeconfig.RuleSchema)
}

// judgeBytes holds the bytes of a body against a schema, in the name of a rule.
func judgeBytes(guest *Guest, schema *judge.Schema, body []byte, rule string) (refusal *Refusal) {
	if slices.ContainsFunc(guest.Request.Header.Values("Content-Encoding"), isCoding) {
		return encoded()
	}
	guest.Memory.Do(judgeFactor*len(body), func() { refusal = weigh(schema, body, guest.Memory, rule) })
	return refusal
}

// isCoding reports whether a field's line says that the bytes are not the body itself.
func isCoding(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && !strings.EqualFold(line, "identity")
}

// callsForBody reports whether requests of a method have content, by what it means (RFC
// 9110, section 9.3).
func callsForBody(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return false
	}
	return true
}

// weigh decodes and judges a body, and gives back the memory that this takes.
func weigh(schema *judge.Schema, body []byte, account *memory.Account, rule string) *Refusal {
	taken := int64(0)
	defer func() { account.Give(taken) }()
	take := func(n int64) bool {
		if !account.Take(n) {
			return false
		}
		taken += n
		return true
	}
	d := rawjson.Decoder{Take: take}
	v, flaw := d.Decode(body)
	if flaw != nil {
		return undecoded(flaw)
	}
	if n := int64(faultSize * d.Values); n >= unaccounted && !take(n) {
		return OutOfMemory()
	}
	if found := schema.Faults(v); len(found) > 0 {
		return invalid(found, rule)
	}
	return nil
}

// undecoded refuses what no value is made of.
func undecoded(flaw *rawjson.DecodeError) *Refusal {
	switch flaw.Flaw {
	case rawjson.FlawMemory:
		return OutOfMemory()
	case rawjson.FlawTwice:
		return notJSON("an object has a name twice, so that its receivers may differ in what it says")
	case rawjson.FlawDepth:
		return notJSON("it is nested too deep")
	case rawjson.FlawNumber:
		return notJSON("a number is too long to be computed with")
	default:
		return notJSON("it is empty, or no JSON")
	}
}

// invalid refuses a body with faults.
func invalid(found []judge.Fault, rule string) *Refusal {
	refusal := refuse(problem.InvalidBody, http.StatusUnprocessableEntity, "validation."+rule+" of the route does not admit the body")
	for _, f := range found {
		refusal.Errors = append(refusal.Errors, problem.Error{Pointer: f.Pointer, Rule: rule, Keyword: f.Keyword})
	}
	return refusal
}
