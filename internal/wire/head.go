package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// maxFields bounds the fields of a head: each takes more than its bytes.
const maxFields = 1000

// head is what was read of one, in one piece.
type head struct {
	text   []byte
	line   int // where the first line ends
	fields []span
}

// span is where a field stands in text.
type span struct{ name, colon, value, end int }

var heads = sync.Pool{New: func() any { return &head{} }} //nolint:gochecknoglobals // shared by all connections

func (h *head) release() {
	if cap(h.text) <= ReadBuffer {
		heads.Put(h)
	}
}

// receive reads heads until that of the response, which is not an interim one.
func (x *exchange) receive(r *http.Request) error {
	h := heads.Get().(*head)
	defer h.release()
	for {
		code, err := x.readHead(h)
		switch {
		case err != nil:
			return err
		case code == http.StatusSwitchingProtocols:
			return fault("101, which nobody has asked for")
		case code >= 200:
			return x.accept(r, h, code)
		}
		if err := x.passOver(h); err != nil {
			return err
		}
	}
}

// passOver judges an interim response, which has no body: some servers announce one of length 0
// all the same. Where the framing of a final one would be in doubt so is where this one ends.
func (x *exchange) passOver(h *head) error {
	text := string(h.text)
	x.response = http.Response{ProtoMinor: minor(text), Header: h.header(text)}
	length, err := x.length()
	if err != nil {
		return err
	}
	_, err = x.chunked(length)
	return err
}

// minor is that of the version of HTTP in a first line.
func minor(line string) int { return int(line[len("HTTP/1.")] - '0') }

// readHead reads the first line of a head and its fields.
func (x *exchange) readHead(h *head) (code int, err error) {
	h.text, h.fields = h.text[:0], h.fields[:0]
	line, err := x.readLine()
	if err != nil {
		return 0, err
	}
	if code, err = status(line); err != nil {
		return 0, err
	}
	h.text = append(h.text, line...)
	h.line = len(h.text)
	return code, x.readFields(h)
}

// readFields reads fields until the empty line.
func (x *exchange) readFields(h *head) error {
	for {
		line, err := x.readLine()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
		if len(h.fields) == maxFields {
			return fault("too many fields")
		}
		if err := h.add(line); err != nil {
			return err
		}
	}
}

// readLine reads a line of a head, without its end, which is good until the next read.
func (x *exchange) readLine() ([]byte, error) {
	line, err := x.conn.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = x.readLong(line)
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	if x.head -= len(line); x.head < 0 {
		return nil, fault("too long a head")
	}
	return ended(line)
}

// ended is a line without its end.
func ended(line []byte) ([]byte, error) {
	n := len(line) - 2
	if n < 0 || line[n] != '\r' {
		return nil, fault("a line that ends in LF alone")
	}
	return line[:n], nil
}

// readLong reads on in a line that is longer than the buffer.
func (x *exchange) readLong(begun []byte) ([]byte, error) {
	line := bytes.Clone(begun)
	for {
		if len(line) > x.head {
			return nil, fault("too long a head")
		}
		piece, err := x.conn.in.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// status reads a first line (RFC 9112, section 4). The space behind the code may lack.
func status(line []byte) (int, error) {
	const code = len("HTTP/1.1 ")
	if len(line) < code+3 || string(line[:code-2]) != "HTTP/1." || line[code-2] != '0' && line[code-2] != '1' || line[code-1] != ' ' {
		return 0, fault("no status line of HTTP/1.1 or HTTP/1.0")
	}
	n := 0
	for _, c := range line[code : code+3] {
		if c < '0' || c > '9' {
			return 0, fault("a status that is no number of three digits")
		}
		n = 10*n + int(c-'0')
	}
	rest := line[code+3:]
	if n < 100 || len(rest) > 0 && rest[0] != ' ' || !text(rest) {
		return 0, fault("no status line of HTTP/1.1 or HTTP/1.0")
	}
	return n, nil
}

// text reports whether there is no control byte but the tab (RFC 9110, section 5.5).
func text(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// add takes a field's line apart. Lines that continue others are refused (RFC 9112, section
// 5.2), and so is space before the colon (section 5.1).
func (h *head) add(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return fault("a field without a name")
	}
	for _, c := range line[:colon] {
		if !httpguts.IsTokenRune(rune(c)) {
			return fault("a field whose name is none")
		}
	}
	if !text(line[colon+1:]) {
		return fault("a field with control bytes")
	}
	value := bytes.Trim(line[colon+1:], " \t")
	begun := len(h.text)
	h.text = append(append(h.text, line[:colon]...), value...)
	h.fields = append(h.fields, span{begun, begun + colon, begun + colon, len(h.text)})
	return nil
}

// header makes the fields of text, which is that of the head.
func (h *head) header(text string) http.Header {
	fields, values := make(http.Header, len(h.fields)), make([]string, len(h.fields))
	for i, s := range h.fields {
		name := http.CanonicalHeaderKey(text[s.name:s.colon])
		if before, ok := fields[name]; ok {
			fields[name] = append(before, text[s.value:s.end])
			continue
		}
		values[i] = text[s.value:s.end]
		fields[name] = values[i : i+1 : i+1]
	}
	return fields
}

// accept makes the response of its head.
func (x *exchange) accept(r *http.Request, h *head, code int) error {
	text := string(h.text)
	x.response = http.Response{
		Status: text[len("HTTP/1.1 "):h.line], StatusCode: code, Proto: text[:len("HTTP/1.1")],
		ProtoMajor: 1, ProtoMinor: minor(text), Header: h.header(text), Request: r,
	}
	says := func(option string) bool {
		return httpguts.HeaderValuesContainsToken(x.response.Header["Connection"], option)
	}
	x.last = x.last || r.Close || says("close") || x.response.ProtoMinor == 0 && !says("keep-alive")
	x.response.Close = x.last
	return x.frame(r.Method)
}

// announce names the trailers that are to come of a body in chunks. What speaks of framing cannot
// be among them (RFC 9110, section 6.5.1).
func (x *exchange) announce() error {
	lists, ok := x.response.Header["Trailer"]
	if !ok {
		return nil
	}
	delete(x.response.Header, "Trailer")
	x.response.Trailer = http.Header{}
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name = http.CanonicalHeaderKey(strings.Trim(name, " \t")); name == "" {
				continue
			}
			if !token(name) || framed(name) {
				return fault("a Trailer that names what cannot be one")
			}
			x.response.Trailer[name] = nil
		}
	}
	return nil
}
