package openapi

import (
	"net/url"
	"strings"
)

// scalar is the one text of a value that is neither list nor object.
func (p *parameter) scalar(s *sent) (any, bool) {
	if len(s.texts) != 1 {
		return nil, false
	}
	text := s.texts[0]
	ok := true
	switch p.style {
	case "label":
		text, ok = strings.CutPrefix(text, ".")
	case "matrix":
		text, ok = p.named(text)
	}
	if !ok {
		return nil, false
	}
	text, ok = p.decode(text)
	return text, ok
}

// array is the texts of a list.
func (p *parameter) array(s *sent) (any, bool) {
	parts, ok := p.parts(s.texts)
	if !ok {
		return nil, false
	}
	list := make([]any, len(parts))
	for i, part := range parts {
		text, ok := p.decode(part)
		if !ok {
			return nil, false
		}
		list[i] = text
	}
	return list, true
}

// parts are the elements of a list as they were sent.
func (p *parameter) parts(texts []string) ([]string, bool) {
	many := p.explode && (p.in == inQuery || p.in == inCookie)
	switch {
	case len(texts) == 0:
		return nil, false
	case many:
		return texts, true
	case p.in == inHeader:
		return strings.Split(strings.Join(texts, ","), ","), true
	case len(texts) > 1:
		return nil, false
	}
	text := texts[0]
	switch p.style {
	case "label":
		text, ok := strings.CutPrefix(text, ".")
		return strings.Split(text, p.delimiter()), ok
	case "matrix":
		if !p.explode {
			text, ok := p.named(text)
			return strings.Split(text, ","), ok
		}
		return p.repeated(text)
	}
	return strings.Split(p.plainDelimiters(text), p.delimiter()), true
}

// repeated are the values of ;name=a;name=b.
func (p *parameter) repeated(text string) (parts []string, ok bool) {
	text, ok = strings.CutPrefix(text, ";")
	for part := range strings.SplitSeq(text, ";") {
		value, named := p.named(";" + part)
		parts, ok = append(parts, value), ok && named
	}
	return parts, ok
}

// object is the members of an object, by name.
func (p *parameter) object(s *sent) (any, bool) {
	if p.spreads() {
		return p.spread(s)
	}
	pairs, ok := p.pairs(s.texts)
	members := make(map[string]any, len(pairs))
	for _, one := range pairs {
		name, readable := p.decode(one.name)
		ok = ok && readable && p.put(members, name, one.value)
	}
	return members, ok
}

// put adds a member, which must not be there yet: receivers differ in which one counts.
func (p *parameter) put(members map[string]any, name, raw string) bool {
	text, ok := p.decode(raw)
	if _, twice := members[name]; twice || !ok {
		return false
	}
	members[name] = text
	return true
}

// spreads reports whether the members of an object stand among other parameters: a=1&b=2, or
// name[a]=1&name[b]=2.
func (p *parameter) spreads() bool {
	return p.style == "deepObject" || p.style == "form" && p.explode
}

func (p *parameter) spread(s *sent) (any, bool) {
	members, ok := make(map[string]any, len(s.pairs)), len(s.texts) == 0
	for _, one := range s.pairs {
		name := one.name
		if p.style == "deepObject" {
			within, closed := strings.CutSuffix(strings.TrimPrefix(name, p.name+"["), "]")
			if !closed || within == "" || strings.ContainsAny(within, "[]") {
				return nil, false
			}
			name = within
		}
		ok = ok && p.put(members, name, one.value)
	}
	return members, ok
}

// pairs are the members of an object that is one text.
func (p *parameter) pairs(texts []string) (list []pair, ok bool) {
	if p.explode && (p.in == inPath || p.in == inHeader) {
		return p.assigned(texts)
	}
	parts, ok := p.parts(texts)
	if !ok || len(parts)%2 != 0 {
		return nil, false
	}
	for i := 0; i < len(parts); i += 2 {
		list = append(list, pair{parts[i], parts[i+1]})
	}
	return list, true
}

// assigned are members such as a=1,b=2.
func (p *parameter) assigned(texts []string) (list []pair, ok bool) {
	text := strings.Join(texts, ",")
	switch p.style {
	case "label":
		text, ok = strings.CutPrefix(text, ".")
	case "matrix":
		text, ok = strings.CutPrefix(text, ";")
	default:
		ok = true
	}
	for part := range strings.SplitSeq(text, p.delimiter()) {
		name, value, assigns := strings.Cut(part, "=")
		list, ok = append(list, pair{name, value}), ok && assigns
	}
	return list, ok
}

// named is the value of ;name=value.
func (p *parameter) named(text string) (string, bool) {
	text, ok := strings.CutPrefix(text, ";"+p.name)
	if text == "" {
		return "", ok
	}
	text, assigns := strings.CutPrefix(text, "=")
	return text, ok && assigns
}

// delimiter is what stands between parts.
func (p *parameter) delimiter() string {
	switch {
	case p.style == "label" && p.explode:
		return "."
	case p.style == "matrix" && p.explode:
		return ";"
	case p.style == "spaceDelimited":
		return " "
	case p.style == "pipeDelimited":
		return "|"
	}
	return ","
}

// plainDelimiters writes out delimiters that have to be sent in an encoding.
func (p *parameter) plainDelimiters(text string) string {
	switch p.style {
	case "spaceDelimited":
		return strings.NewReplacer("%20", " ", "+", " ").Replace(text)
	case "pipeDelimited":
		return strings.NewReplacer("%7C", "|", "%7c", "|").Replace(text)
	}
	return text
}

// decode is a text without the encoding of the place where it was sent.
func (p *parameter) decode(text string) (string, bool) {
	var err error
	switch p.in {
	case inPath:
		text, err = url.PathUnescape(text)
	case inQuery:
		text, err = url.QueryUnescape(text)
	case inCookie:
		if plain, bad := url.PathUnescape(text); bad == nil {
			text = plain
		}
	case inHeader:
		text = strings.Trim(text, " \t")
	}
	return text, err == nil
}
