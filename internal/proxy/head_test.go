package proxy

import (
	"bufio"
	"bytes"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
)

// FuzzHeads holds what is seen of heads against a parser of fields, however the bytes
// are cut (M6, K1).
func FuzzHeads(f *testing.F) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\ncontent-length: 3\r\nTRANSFER-ENCODING: chunked\r\n\r\n0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\nContent-Length: 1\n\n",
		strings.Repeat("a: b\n", 600),
	} {
		f.Add([]byte(text), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, cut uint8) {
		var whole, pieces heads
		whole.see(text)
		for rest := text; len(rest) > 0; {
			n := min(int(cut)+1, len(rest))
			pieces.see(rest[:n])
			rest = rest[n:]
		}
		if whole.both.Load() != pieces.both.Load() || whole.anyCode.Load() != pieces.anyCode.Load() ||
			whole.flooded() != pieces.flooded() || whole.binary.Load() != pieces.binary.Load() {
			t.Fatalf("%q cut by %d is seen otherwise", text, cut)
		}
		if whole.binary.Load() {
			return
		}
		first, fields, _ := bytes.Cut(text, []byte("\n"))
		if !regexp.MustCompile(` HTTP/\d\.\d\r?$`).Match(first) {
			return
		}
		h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(fields))).ReadMIMEHeader()
		if err != nil {
			return
		}
		coded, sized := h["Transfer-Encoding"] != nil, h["Content-Length"] != nil
		if coded && !whole.anyCode.Load() || coded && sized && !whole.both.Load() {
			t.Fatalf("%q: coded %v, sized %v", text, coded, sized)
		}
		if n := bytes.Count(text, []byte("\n")); n <= maxLines && whole.flooded() {
			t.Fatalf("%d lines are a flood", n)
		}
	})
}
