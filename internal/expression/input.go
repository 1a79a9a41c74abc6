package expression

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// The variables of expressions.
const (
	varMethod  = "request.method"
	varPath    = "request.path"
	varHost    = "request.host"
	varCaller  = "request.caller"
	varQuery   = "request.query"
	varHeaders = "request.headers"
	varBody    = "request.body"
)

// Request is what expressions see.
type Request struct {
	Method string
	// Path and Query are raw.
	Path, Query string
	Host        string
	// Caller is the authenticated caller's name, or empty.
	Caller string
	Header http.Header
	// Hidden says which fields expressions do not see: credentials. Nil hides none.
	Hidden func(name string) bool
	Body   []byte
}

// Input is a request as expressions read it, each part made when the first of them
// asks. It is for one goroutine at a time.
type Input struct {
	request              *Request
	spent                uint64 // cost so far
	query, headers, body ref.Val
}

// NewInput returns the Input of a request, which must not change any more.
func NewInput(r *Request) *Input { return &Input{request: r} }

// Parent implements the activation of CEL.
func (*Input) Parent() interpreter.Activation { return nil }

// ResolveName implements the activation of CEL.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case varMethod:
		return types.String(in.request.Method), true
	case varPath:
		return types.String(in.request.Path), true
	case varHost:
		return types.String(in.request.Host), true
	case varCaller:
		return types.String(in.request.Caller), true
	case varQuery:
		return once(&in.query, in.parseQuery), true
	case varHeaders:
		return once(&in.headers, in.parseHeaders), true
	case varBody:
		return once(&in.body, in.parseBody), true
	}
	return nil, false
}

func once(kept *ref.Val, parse func() ref.Val) ref.Val {
	if *kept == nil {
		*kept = parse()
	}
	return *kept
}

// parseQuery keeps the first of several parameters of one name, and leaves out what
// is no parameter.
func (in *Input) parseQuery() ref.Val {
	values, _ := url.ParseQuery(in.request.Query)
	out := make(map[string]string, len(values))
	for name, list := range values {
		out[name] = list[0]
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, out)
}

// parseHeaders has the names in lower case, and joins the lines of one field (RFC
// 9110, section 5.3).
func (in *Input) parseHeaders() ref.Val {
	out := make(map[string]string, len(in.request.Header))
	for name, lines := range in.request.Header {
		if in.request.Hidden == nil || !in.request.Hidden(name) {
			out[strings.ToLower(name)] = strings.Join(lines, ", ")
		}
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, out)
}

func (in *Input) parseBody() ref.Val {
	if len(in.request.Body) == 0 {
		return types.NullValue
	}
	s := rawjson.Scanner{}
	value, ok := s.Scan(in.request.Body)
	switch {
	case s.TooDeep:
		return types.NewErr("the body is nested deeper than %d", rawjson.MaxDepth)
	case !ok:
		return types.NewErr("the body is no JSON")
	}
	return newValue(value, &scan{maxScans*len(value) + 1<<16})
}
