package headers

import (
	"net/http"
	"slices"
	"strings"
)

// Field is a field to set.
type Field struct{ Name, Value string }

// Options are what Rules are made of. Names may have any case.
type Options struct {
	// Credentials are the fields in which callers may send credentials.
	Credentials []string
	// Forward are those of them that pass all the same.
	Forward []string
	// Remove and Set are the rules of the route, in this order.
	Remove []string
	Set    []Field
	// Combined drops what speaks about one body, and asks for no encoding.
	Combined bool
	// DropBody drops Content-* together with the body.
	DropBody bool
	// Via is our own pseudonym, see RFC 9110, section 7.6.3.
	Via string
}

// Rules make the fields for a backend out of those of a call. They are immutable.
type Rules struct {
	drop               map[string]bool
	set                []field
	combined, dropBody bool
	via                string
}

type field struct {
	name   string
	values []string
}

// Compile makes Rules.
func Compile(o Options) *Rules {
	r := &Rules{drop: map[string]bool{}, combined: o.Combined, dropBody: o.DropBody, via: "1.1 " + o.Via}
	forward := canonical(o.Forward)
	for _, name := range canonical(append([]string{"Authorization", "Cookie"}, o.Credentials...)) {
		if !slices.Contains(forward, name) {
			r.drop[name] = true
		}
	}
	for _, name := range canonical(o.Remove) {
		r.drop[name] = true
	}
	for _, f := range o.Set {
		r.set = append(r.set, field{http.CanonicalHeaderKey(f.Name), []string{f.Value}})
	}
	return r
}

func canonical(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = http.CanonicalHeaderKey(name)
	}
	return out
}

// Apply returns the fields for the backend, with those computed for this call. The
// values are shared with in.
func (r *Rules) Apply(in http.Header, computed []Field) http.Header {
	out := make(http.Header, len(in)+len(r.set)+4)
	for name, values := range in {
		if r.passes(name) {
			out[name] = values
		}
	}
	for _, name := range Named(in) {
		delete(out, name)
	}
	r.addVia(in, out)
	// Without an entry net/http would send a User-Agent of its own.
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = nil
	}
	if r.combined {
		out["Accept-Encoding"] = identity()
	}
	for _, f := range r.set {
		out[f.name] = f.values
	}
	for _, f := range computed {
		out[http.CanonicalHeaderKey(f.Name)] = []string{f.Value}
	}
	hideIdempotencyKey(out)
	return out
}

// Sends reports whether the backend gets a field, given by its canonical name.
func (r *Rules) Sends(in http.Header, computed []Field, name string) bool {
	for _, f := range r.set {
		if f.name == name {
			return true
		}
	}
	for _, f := range computed {
		if http.CanonicalHeaderKey(f.Name) == name {
			return true
		}
	}
	return len(in[name]) > 0 && r.passes(name) && !slices.Contains(Named(in), name)
}

func identity() []string { return []string{"identity"} }

func (r *Rules) passes(name string) bool {
	switch {
	case IsHopByHop(name), untrusted(name), r.drop[name]:
		return false
	case r.combined && IsConditional(name):
		return false
	case r.dropBody && strings.HasPrefix(name, "Content-"):
		return false
	}
	return true
}

// addVia appends our pseudonym after those of the proxies before us; a rule or
// Connection cannot take it out, since the loop guard lives by it.
func (r *Rules) addVia(in, out http.Header) {
	before := in["Via"]
	out["Via"] = append(slices.Clip(before), r.via)
}

// HasVia reports whether a call has passed a proxy of this pseudonym already.
func HasVia(h http.Header, via string) bool {
	for _, line := range h["Via"] {
		for hop := range strings.SplitSeq(line, ",") {
			if fields := strings.Fields(hop); len(fields) >= 2 && fields[1] == via {
				return true
			}
		}
	}
	return false
}

// hideIdempotencyKey writes the field in lower case: net/http repeats any request
// by itself that has it under its canonical name (golang.org/issue/19943), and a
// client's header alone must not enable a retry.
func hideIdempotencyKey(h http.Header) {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}
