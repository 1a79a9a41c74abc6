package gate

import "strings"

// forwarded reads the field Forwarded (RFC 7239, section 4). Blanks around semicolons,
// which many write, are taken.
type forwarded struct {
	text string
	at   int
	// last are elements, and nodes what stands in for= of each, by their number modulo
	// the length; n is that of the one at hand.
	last, nodes [maxHops - 1]string
	n           int
}

// parseForwarded returns the last elements of a field as they were written, and for= of
// each, without quotes. ok is false where it is not well formed: a quote that is left open would
// take in what is appended.
func parseForwarded(text string) (list, nodes []string, ok bool) {
	f := &forwarded{text: text}
	for f.skip(" \t,"); f.at < len(f.text); f.skip(" \t,") {
		if !f.element() {
			return nil, nil, false
		}
	}
	for i := max(f.n-len(f.last), 0); i < f.n; i++ {
		list, nodes = append(list, f.last[i%len(f.last)]), append(nodes, f.nodes[i%len(f.nodes)])
	}
	return list, nodes, true
}

func (f *forwarded) skip(set string) {
	for f.at < len(f.text) && strings.IndexByte(set, f.text[f.at]) >= 0 {
		f.at++
	}
}

// element takes one element, to the comma behind it.
func (f *forwarded) element() bool {
	begin, known, i := f.at, false, f.n%len(f.last)
	f.nodes[i] = ""
	for {
		name, value, ok := f.pair()
		if !ok {
			return false
		}
		if strings.EqualFold(name, "for") {
			if known {
				return false // it stands there once at most
			}
			f.nodes[i], known = value, true
		}
		f.last[i] = f.text[begin:f.at]
		f.skip(" \t")
		if f.at == len(f.text) || f.text[f.at] == ',' {
			break
		}
		if f.text[f.at] != ';' {
			return false
		}
		f.skip(" \t;")
		if f.at == len(f.text) || f.text[f.at] == ',' {
			break
		}
	}
	f.n++
	return true
}

// pair takes a name and its value, without the quotes.
func (f *forwarded) pair() (name, value string, ok bool) {
	if name = f.token(); name == "" || f.at == len(f.text) || f.text[f.at] != '=' {
		return "", "", false
	}
	f.at++
	if f.at < len(f.text) && f.text[f.at] == '"' {
		value, ok = f.quoted()
		return name, value, ok
	}
	value = f.token()
	return name, value, value != ""
}

// token follows RFC 9110, section 5.6.2.
func (f *forwarded) token() string {
	begin := f.at
	for f.at < len(f.text) && f.text[f.at] > ' ' && f.text[f.at] < 0x7f && strings.IndexByte(`"(),/:;<=>?@[\]{}`, f.text[f.at]) < 0 {
		f.at++
	}
	return f.text[begin:f.at]
}

// quoted follows RFC 9110, section 5.6.4.
func (f *forwarded) quoted() (value string, ok bool) {
	var b strings.Builder
	for f.at++; f.at < len(f.text); f.at++ {
		switch c := f.text[f.at]; c {
		case '"':
			f.at++
			return b.String(), true
		case '\\':
			if f.at++; f.at == len(f.text) {
				return "", false
			}
			b.WriteByte(f.text[f.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
