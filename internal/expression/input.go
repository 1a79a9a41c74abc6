package expression

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	"github.com/fanout-operator/fanout/internal/rawjson"
)

// The variables of expressions.
const (
	varMethod   = "request.method"
	varPath     = "request.path"
	varHost     = "request.host"
	varCaller   = "request.caller"
	varClaims   = "request.claims"
	varClientIP = "request.clientIP"
	varQuery    = "request.query"
	varHeaders  = "request.headers"
	varBody     = "request.body"
	// varMeter is none of an expression's own: @ is not part of a name.
	varMeter = "@meter"
)

// Request is what expressions see.
type Request struct {
	Method string
	// Path and Query are raw.
	Path, Query string
	Host        string
	// Caller is the authenticated caller's name, or empty.
	Caller string
	// Claims is what the caller's token says, a JSON object. Without one it reads as an empty
	// map.
	Claims []byte
	// ClientIP is the client's address; where it is not valid, it reads as an empty string.
	ClientIP netip.Addr
	Header   http.Header
	// Hidden says which fields expressions do not see: credentials. Nil hides none.
	Hidden func(name string) bool
	Body   []byte
}

// Input is a request as expressions read it, each part made when the first of them
// asks. It is for one goroutine at a time.
type Input struct {
	request              *Request
	meter                meter
	query, headers, body ref.Val
	clientIP, claims     ref.Val
}

// NewInput returns the Input of a request, which must not change any more.
func NewInput(r *Request, memory Memory) *Input {
	return &Input{request: r, meter: meter{
		memory: memory, scans: maxScans*(len(r.Body)+len(r.Claims)) + 1<<16, most: maxKept*int64(len(r.Body)+len(r.Claims)) + keptFree,
	}}
}

// Receive adds the body, of a request that came without: nothing has read it yet.
func (in *Input) Receive(body []byte) {
	in.request.Body = body
	in.meter.scans += maxScans * len(body)
	in.meter.most += maxKept * int64(len(body))
}

// Close gives back the memory of what was found out about the request. Nothing is
// evaluated any more.
func (in *Input) Close() { in.meter.drop(in.meter.kept) }

// Parent implements the activation of CEL.
func (*Input) Parent() interpreter.Activation { return nil }

// ResolveName implements the activation of CEL.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case varMeter:
		return &in.meter, true
	case varMethod:
		return types.String(in.request.Method), true
	case varPath:
		return types.String(in.request.Path), true
	case varHost:
		return types.String(in.request.Host), true
	case varCaller:
		return types.String(in.request.Caller), true
	case varClaims:
		return in.meter.once(&in.claims, in.parseClaims), true
	case varClientIP:
		return in.address(), true
	case varQuery:
		return in.meter.once(&in.query, in.parseQuery), true
	case varHeaders:
		return in.meter.once(&in.headers, in.parseHeaders), true
	case varBody:
		return in.meter.once(&in.body, in.parseBody), true
	}
	return nil, false
}

// address is that of the client, written as RFC 5952 has it.
func (in *Input) address() ref.Val {
	if in.clientIP == nil {
		in.clientIP = types.String("")
		if in.request.ClientIP.IsValid() {
			in.clientIP = types.String(in.request.ClientIP.String())
		}
	}
	return in.clientIP
}

func (m *meter) once(kept *ref.Val, parse func() ref.Val) ref.Val {
	if *kept != nil {
		return *kept
	}
	v := parse()
	if m.fault == nil { // else it may have been for want of memory, and be there next time
		*kept = v
	}
	return v
}

// entrySize is what a parameter or field takes, its own bytes apart.
const entrySize = 128

// parseQuery keeps the first of several parameters of one name, and leaves out what
// is no parameter.
func (in *Input) parseQuery() ref.Val {
	query := in.request.Query
	if !in.meter.keep(entrySize*(strings.Count(query, "&")+1) + len(query)) {
		return in.meter.err()
	}
	out := map[string]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if _, known := out[name]; known || err != nil || part == "" || strings.Contains(part, ";") {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			out[name] = value
		}
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, out)
}

// parseHeaders has the names in lower case, and joins the lines of one field (RFC
// 9110, section 5.3).
func (in *Input) parseHeaders() ref.Val {
	out := make(map[string]string, len(in.request.Header))
	for name, lines := range in.request.Header {
		if in.request.Hidden != nil && in.request.Hidden(name) {
			continue
		}
		joined := strings.Join(lines, ", ")
		if !in.meter.keep(entrySize + len(name) + len(joined)) {
			return in.meter.err()
		}
		out[strings.ToLower(name)] = joined
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, out)
}

func (in *Input) parseBody() ref.Val {
	if len(in.request.Body) == 0 {
		return types.NullValue
	}
	return in.parse("the body", in.request.Body)
}

// parseClaims is an empty map where there is no token.
func (in *Input) parseClaims() ref.Val {
	claims := in.request.Claims
	if len(claims) == 0 {
		claims = []byte("{}")
	}
	return in.parse("the token", claims)
}

func (in *Input) parse(what string, text []byte) ref.Val {
	s := rawjson.Scanner{}
	value, ok := s.Scan(text)
	switch {
	case s.TooDeep:
		return types.NewErr("%s is nested deeper than %d", what, rawjson.MaxDepth)
	case !ok:
		return types.NewErr("%s is no JSON", what)
	}
	if !in.meter.keep(keptSize(value)) {
		return in.meter.err()
	}
	return newValue(value, &in.meter)
}
