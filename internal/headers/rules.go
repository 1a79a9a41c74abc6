package headers

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Field is a field to set.
type Field struct{ Name, Value string }

// Options are what Rules are made of. Names may have any case.
type Options struct {
	// Credentials are the fields in which callers may send credentials; the built-in list
	// where it is nil.
	Credentials *Credentials
	// Forward are those of them that pass all the same.
	Forward []string
	// Shown are the fields of the backend's own credential, which are put in after the rules.
	Shown []string
	// Remove and Set are the rules of the route, in this order.
	Remove []string
	Set    []Field
	// Combined drops what speaks about one body, and asks for no encoding.
	Combined bool
	// DropBody drops Content-*: the backend never gets the body of a call.
	DropBody bool
	// Via is our own pseudonym, see RFC 9110, section 7.6.3.
	Via string
}

// Rules make the fields for a backend out of those of a call. They are safe for concurrent use.
type Rules struct {
	credentials *Credentials
	// withheld has the folded names of what a caller cannot send: credentials, and what
	// rules remove or set.
	withheld           map[string]bool
	forward            map[string]bool
	set                []field
	combined, dropBody bool
	via                string
	// Values that are the same for most calls.
	identity, direct []string
	spent            sync.Pool // of http.Header, empty
}

type field struct {
	name   string
	values []string
}

// Compile makes Rules.
func Compile(o Options) *Rules {
	r := &Rules{
		credentials: o.Credentials, forward: folded(o.Forward), withheld: map[string]bool{requestID: true},
		combined: o.Combined, dropBody: o.DropBody, via: "1.1 " + o.Via,
		identity: []string{"identity"}, direct: []string{"1.1 " + o.Via},
	}
	if r.credentials == nil {
		r.credentials = NewCredentials(nil)
	}
	for name := range r.credentials.names {
		if !r.forward[name] {
			r.withheld[name] = true
		}
	}
	for _, f := range o.Set {
		r.set = append(r.set, field{http.CanonicalHeaderKey(f.Name), []string{f.Value}})
	}
	maps.Copy(r.withheld, folded(o.Remove, set(o.Set), o.Shown))
	return r
}

func set(fields []Field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// Width is what a map of so many fields takes, in bytes, beside the texts of their names and
// values: what Apply returns shares those.
func Width(fields int) int { return 100 * fields }

// Apply returns the fields for the backend, with those computed for this call. Content
// says what the backend gets of the call's body. The values are shared with in.
func (r *Rules) Apply(in http.Header, computed []Field, content Content) http.Header {
	out, ok := r.spent.Get().(http.Header)
	if !ok {
		out = make(http.Header, len(in)+len(r.set)+4)
	}
	named := Named(in)
	for name, values := range in {
		if r.passes(name, named) && (content == Received || !AboutContent(name)) {
			out[name] = values
		}
	}
	r.addVia(in, out)
	// Without an entry net/http would send a User-Agent of its own.
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = nil
	}
	if r.combined {
		out["Accept-Encoding"] = r.identity
	}
	for _, f := range r.set {
		out[f.name] = f.values
	}
	for _, f := range computed {
		out[http.CanonicalHeaderKey(f.Name)] = []string{f.Value}
	}
	return out
}

// Recycle takes back what Apply returned, of which nobody has any use: the next call has its
// fields in the same map.
func (r *Rules) Recycle(fields http.Header) {
	if len(fields) <= recycled {
		clear(fields)
		r.spent.Put(fields)
	}
}

// recycled bounds the fields of maps that are kept: a large one would stay as large.
const recycled = 32

// passes judges a field by what receivers may take it for. Named are those that
// Connection names; the id of the call is ours, whatever the caller says.
func (r *Rules) passes(name string, named []string) bool {
	if name == requestID {
		return true
	}
	folded := Fold(name)
	switch {
	case hopByHop(folded), untrusted(folded), r.withheld[folded]:
		return false
	case len(named) > 0 && slices.Contains(named, folded):
		return false
	case r.credentials.ends(folded) && !r.forward[folded]:
		return false
	case r.combined && IsConditional(folded):
		return false
	case r.dropBody && strings.HasPrefix(folded, "Content-"):
		return false
	}
	return true
}

// addVia appends our pseudonym after those of the proxies before us; a rule or
// Connection cannot take it out, since the loop guard lives by it.
func (r *Rules) addVia(in, out http.Header) {
	before := in["Via"]
	if len(before) == 0 {
		out["Via"] = r.direct
		return
	}
	out["Via"] = append(slices.Clip(before), r.via)
}

// HasVia reports whether a call has passed a proxy of this pseudonym already. There may be ten
// thousand hops, which nobody is to wait for: it allocates nothing.
func HasVia(h http.Header, via string) bool {
	for _, line := range h["Via"] {
		if !strings.Contains(line, via) {
			continue
		}
		for hop := range strings.SplitSeq(line, ",") {
			if by(hop) == via {
				return true
			}
		}
	}
	return false
}

// by is who has received a call at a hop (RFC 9110, section 7.6.3): after the protocol, and
// perhaps before a comment.
func by(hop string) string {
	n := 0
	for word := range strings.FieldsSeq(hop) {
		if n++; n == 2 {
			return word
		}
	}
	return ""
}
