package combine

// compact drops the space outside strings of a valid value. It returns the value
// itself where there is none.
func compact(v []byte) []byte {
	if c := v[0]; c != '{' && c != '[' {
		return v
	}
	var out []byte
	copied := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case ' ', '\n', '\r', '\t':
			out = append(out, v[copied:i]...)
			copied = i + 1
		case '"':
			i = scanString(v, i) - 1
		}
	}
	if copied == 0 {
		return v
	}
	return append(out, v[copied:]...)
}

// distinct keeps the first of equal values, which are those whose bytes are equal,
// space outside strings aside: 1.0 and 1, "A" and "\u0041" are different, as their
// receivers may see them so.
func (w *merger) distinct(values [][]byte) [][]byte {
	seen := w.index()
	defer w.release(seen)
	out := values[:0]
	for i, v := range values {
		known := len(seen.entries)
		seen.add(w.seed, compact(v), ref{body: offset(i)})
		if len(seen.entries) > known {
			out = append(out, v)
		}
	}
	return out
}

// appendElements adds the elements of a valid array.
func appendElements(elements [][]byte, array []byte) [][]byte {
	s := scanner{text: array}
	i := skipSpace(array, 1)
	for more := array[i] != ']'; more; {
		end := s.value(i, 1)
		elements = append(elements, array[i:end])
		i, more = separator(array, end, ']')
	}
	return elements
}

func appendList(dst []byte, elements [][]byte) []byte {
	dst = append(dst, '[')
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, e...)
	}
	return append(dst, ']')
}
