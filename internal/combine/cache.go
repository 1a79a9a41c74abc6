package combine

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// uniteFields makes one statement of what several backends say about caching (RFC
// 9111): a combined response may be kept no longer and shown to nobody more than each
// of its parts.
func (c *Combiner) uniteFields(r *fanout.Result, h http.Header) {
	if vary := h["Vary"]; len(vary) > 0 {
		h["Vary"] = []string{union(vary)}
	}
	if slices.Contains(c.HeadersFromBackends, "Cache-Control") {
		h["Cache-Control"] = []string{cacheControl(r)}
		if names := union(everyVary(r)); names != "" { // what is kept must be told apart
			h["Vary"] = []string{names}
		}
	}
	if len(h["Set-Cookie"]) == 0 {
		return
	}
	switch said := h.Get("Cache-Control"); {
	case said == "":
		h["Cache-Control"] = []string{"private"}
	case !strings.Contains(said, "no-store") && !strings.Contains(said, "private"):
		h["Cache-Control"] = []string{"private, " + strings.TrimPrefix(strings.TrimPrefix(said, "public"), ", ")}
	}
}

// union is a list of names without repetition.
func union(lines []string) string {
	var names []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if name == "*" {
				return "*"
			}
			if name != "" && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// cacheControl is the strictest of the parts. A part that says nothing may have to be
// asked again, and a response that lacks parts is not kept at all.
func cacheControl(r *fanout.Result) string {
	if r.Outcome != fanout.Complete {
		return "no-store"
	}
	strictest := directives{public: true, age: -1, shared: -1}
	for i := range r.Answers {
		if a := &r.Answers[i]; a.Outcome == fanout.Succeeded {
			d := parseDirectives(lines(a.Header, "Cache-Control"))
			d.grow(seconds32(a.Header.Get("Age")))
			strictest.add(d)
		}
	}
	return strictest.String()
}

func everyVary(r *fanout.Result) (all []string) {
	for i := range r.Answers {
		if r.Answers[i].Outcome == fanout.Succeeded {
			all = append(all, lines(r.Answers[i].Header, "Vary")...)
		}
	}
	return all
}

// grow takes off what a part has aged already.
func (d *directives) grow(age int) {
	if d.age >= 0 {
		d.age = max(d.age-age, 0)
	}
	if d.shared >= 0 {
		d.shared = max(d.shared-age, 0)
	}
}

// directives are those of Cache-Control that a combined response can keep. Ages are in
// seconds, -1 for none.
type directives struct {
	noStore, noCache, private, public, revalidate bool
	age, shared                                   int
}

func parseDirectives(values []string) directives {
	d := directives{age: -1, shared: -1}
	for _, value := range values {
		for directive := range strings.SplitSeq(value, ",") {
			name, argument, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-store":
				d.noStore = true
			case "no-cache":
				d.noCache = true
			case "private":
				d.private = true
			case "public":
				d.public = true
			case "must-revalidate", "proxy-revalidate":
				d.revalidate = true
			case "max-age":
				d.age = seconds32(argument)
			case "s-maxage":
				d.shared = seconds32(argument)
			}
		}
	}
	if d.age < 0 && d.shared < 0 {
		d.noCache = true // nobody said for how long
	}
	return d
}

// seconds32 is 0 for what is no number, which makes a lifetime stale (RFC 9111, section
// 4.2.1), and the greatest there is for what is too large (section 1.2.2).
func seconds32(argument string) int {
	n, _ := strconv.ParseUint(strings.Trim(argument, `"`), 10, 31) // which gives these with its errors
	return int(n)
}

func (d *directives) add(o directives) {
	d.noStore = d.noStore || o.noStore
	d.noCache = d.noCache || o.noCache
	d.private = d.private || o.private
	d.public = d.public && o.public
	d.revalidate = d.revalidate || o.revalidate
	if o.shared >= 0 || d.shared >= 0 { // to a shared cache, max-age is what s-maxage is not
		d.shared = least(either(d.shared, d.age), either(o.shared, o.age))
	}
	d.age = least(d.age, o.age)
}

func either(a, b int) int {
	if a >= 0 {
		return a
	}
	return b
}

func least(a, b int) int {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// String writes them in a fixed order.
func (d *directives) String() string {
	if d.noStore {
		return "no-store"
	}
	var list []string
	for _, one := range []struct {
		said bool
		name string
	}{{d.private, "private"}, {d.public && !d.private, "public"}, {d.noCache, "no-cache"}} {
		if one.said {
			list = append(list, one.name)
		}
	}
	if !d.noCache {
		if d.age >= 0 {
			list = append(list, "max-age="+strconv.Itoa(d.age))
		}
		if d.shared >= 0 && !d.private {
			list = append(list, "s-maxage="+strconv.Itoa(d.shared))
		}
		if d.revalidate {
			list = append(list, "must-revalidate")
		}
	}
	return strings.Join(list, ", ")
}
