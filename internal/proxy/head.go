package proxy

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
)

const (
	// maxFields bounds the fields of a request, since each takes some 100 bytes however
	// short it is; more are 431.
	maxFields = 256
	// maxLines is where a head is not even read to its end.
	maxLines = maxFields + 44
	// seen is as much of a line as tells the fields that are looked for.
	seen = len("transfer-encoding:")
)

// heads looks at the lines of HTTP/1 heads as they pass, for what net/http does not
// tell: how many lines there are while they still come, and whether a length stands
// beside Transfer-Encoding. Bodies pass here, too; what looks like such lines in them is
// taken for such, which costs a connection and no more. see, flooded and next are for the
// goroutine that reads, the others for any.
type heads struct {
	line    [seen]byte // the beginning of the line that comes
	n       int
	tail    []byte // its end
	inHead  bool   // a line that ends as a request line was there: what follows are fields
	coded   bool   // the head at hand has Transfer-Encoding
	sized   bool   // it has Content-Length
	preface int    // lines of it that have come; -1 where it is none
	lines   int
	ended   bool        // the head that comes has come to its end, though nobody has read it yet
	binary  atomic.Bool // it is HTTP/2
	passed  atomic.Bool // the head has come, and what comes is a body
	anyCode atomic.Bool // some head had Transfer-Encoding
	both    atomic.Bool // some head had both
}

// see looks at bytes, and returns those of them that are frames of HTTP/2.
func (h *heads) see(b []byte) (frames []byte) {
	for len(b) > 0 && !h.binary.Load() {
		i := bytes.IndexByte(b, '\n')
		switch {
		case i < 0:
			h.keep(b)
			return nil
		case h.n == 0: // most lines come whole
			h.end(b[:i], b[max(i-maxTail, 0):i])
		default:
			h.keep(b[:i])
			h.end(h.line[:h.n], h.tail)
			h.n, h.tail = 0, h.tail[:0]
		}
		b = b[i+1:]
	}
	return b
}

func (h *heads) keep(b []byte) {
	if h.n < seen {
		h.n += copy(h.line[h.n:], b)
	}
	h.tail = append(h.tail, b[max(len(b)-maxTail, 0):]...)
	if over := len(h.tail) - maxTail; over > 0 {
		h.tail = h.tail[:copy(h.tail, h.tail[over:])]
	}
}

// maxTail is the length of what a request line ends with.
const maxTail = len(" HTTP/1.1\r")

// endsRequestLine reports whether a line is, or ends with, a request line: what stands
// before it may be the end of a body.
func endsRequestLine(tail []byte) bool {
	tail = bytes.TrimSuffix(tail, []byte("\r"))
	at := bytes.LastIndex(tail, []byte(" HTTP/"))
	return at >= 0 && len(tail)-at == len(" HTTP/1.1")
}

// end looks at a line that is over, by its beginning and its end.
func (h *heads) end(line, tail []byte) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	h.inHead = h.inHead || endsRequestLine(tail)
	if h.preface >= 0 {
		h.greet(line)
	}
	if h.passed.Load() {
		h.lines = 0
	}
	h.lines++
	switch {
	case len(line) == 0:
		h.ended = h.ended || h.inHead
		h.inHead, h.coded, h.sized = false, false, false
	case !h.inHead: // a body, its chunks, or its trailers
	case line[0]|0x20 == 't' && named(line, "Transfer-Encoding:"):
		h.coded = true
		h.anyCode.Store(true)
	case line[0]|0x20 == 'c' && named(line, "Content-Length:"):
		h.sized = true
	default:
		return
	}
	if h.coded && h.sized {
		h.both.Store(true)
	}
}

// named reports whether a line is a field's, given with its colon.
func named(line []byte, field string) bool {
	return len(line) >= len(field) && strings.EqualFold(string(line[:len(field)]), field)
}

// greet looks for the lines that a connection of HTTP/2 begins with (RFC 9113, section
// 3.4), all four of them: net/http goes on as HTTP/1 after any other.
func (h *heads) greet(line []byte) {
	lines := [...]string{"PRI * HTTP/2.0", "", "SM", ""}
	switch {
	case string(line) != lines[h.preface]:
		h.preface = -1
	case h.preface == len(lines)-1:
		h.preface = -1
		h.binary.Store(true)
	default:
		h.preface++
	}
}

// flooded reports whether the head that comes has more lines than anybody needs.
func (h *heads) flooded() bool {
	return h.lines > maxLines && !h.passed.Load() && !h.binary.Load()
}

// floods is flooded for bytes that nobody has read yet: behind the end of a head stand a body
// or other heads.
func (h *heads) floods() bool { return !h.ended && h.flooded() }

// comes reports whether what comes is a head of HTTP/1.
func (h *heads) comes() bool { return !h.passed.Load() && !h.binary.Load() }

// over says that a head was read.
func (h *heads) over() { h.passed.Store(true) }

// next says that another head of HTTP/1 comes. It is for the goroutine that reads.
func (h *heads) next() {
	h.lines, h.ended = 0, false
	h.passed.Store(false)
}

// ambiguous reports whether it was not certain where the body of a request ends: a
// length beside Transfer-Encoding, or a coding that HTTP/1.0 does not know. What
// follows on the connection may then be another party's request (RFC 9112, section 6.1).
func (h *heads) ambiguous(r *http.Request) bool {
	if r.ProtoAtLeast(1, 1) {
		return len(r.TransferEncoding) > 0 && h.both.Load()
	}
	return h.anyCode.Load()
}
