package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
)

// stage is what comes next of a body in chunks (RFC 9112, section 7.1).
type stage uint8

const (
	noChunks stage = iota
	size
	content
	contentEnd
	over
)

// maxExcess bounds, in bytes, what chunks may have beside content: 16 for each, and twice its
// content, are free.
const maxExcess = 16 << 10

// readChunks reads content, of several chunks where they are there already. What it has it does
// not hold back for what is still to come.
func (x *exchange) readChunks(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		if n > 0 && !x.ready() {
			return n, nil
		}
		var more int
		more, err = x.step(p[n:])
		n += more
	}
	return n, err
}

// ready reports whether a step can be made of what has come.
func (x *exchange) ready() bool {
	come, _ := x.conn.in.Peek(x.conn.in.Buffered())
	switch x.stage {
	case content:
		return len(come) > 0
	case contentEnd:
		return len(come) >= len("\r\n")
	case size:
		// The last one is followed by trailers, which may take their time.
		return bytes.IndexByte(come, '\n') >= 0 && (come[0] != '0' || bytes.Contains(come, []byte("\r\n\r\n")))
	case noChunks, over:
	}
	return true
}

// step reads what comes next.
func (x *exchange) step(p []byte) (int, error) {
	switch x.stage {
	case content:
		n, err := x.conn.in.Read(p[:min(int64(len(p)), x.left)])
		if x.left -= int64(n); x.left == 0 {
			x.stage = contentEnd
			return n, nil
		}
		return n, cut(err)
	case contentEnd:
		end, err := x.conn.in.Peek(len("\r\n"))
		if err != nil {
			return 0, cut(err)
		}
		if string(end) != "\r\n" {
			return 0, fault("a chunk of another size than it says")
		}
		_, _ = x.conn.in.Discard(len(end))
		x.stage = size
	case size:
		return 0, x.readSize()
	case noChunks, over:
		return 0, io.EOF
	}
	return 0, nil
}

// cut says of the end of the connection that it came too early.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readSize reads the first line of a chunk, and all of the last one.
func (x *exchange) readSize() error {
	line, err := x.conn.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return fault("too long an extension of a chunk")
	}
	if err != nil {
		return cut(err)
	}
	all := int64(len(line))
	if line, err = ended(line); err != nil {
		return err
	}
	if x.left, err = chunkSize(line); err != nil {
		return err
	}
	if x.excess = max(0, x.excess+all+2-16-2*x.left); x.excess > maxExcess {
		return fault("chunks of too little content")
	}
	if x.stage = content; x.left > 0 {
		return nil
	}
	x.stage = over
	if err := x.readTrailers(); err != nil {
		return err
	}
	return io.EOF
}

// chunkSize reads hexadecimal digits. Space may follow them, and extensions, which are ignored.
func chunkSize(line []byte) (n int64, err error) {
	const most = 15 // digits of any number that fits
	digits := 0
	for ; digits < len(line); digits++ {
		d, ok := hex(line[digits])
		if !ok {
			break
		}
		if digits == most {
			return 0, fault("too large a chunk")
		}
		n = n<<4 | int64(d)
	}
	rest := bytes.TrimLeft(line[digits:], " \t")
	if digits == 0 || len(rest) > 0 && rest[0] != ';' || !text(rest) {
		return 0, fault("a chunk whose size is no number")
	}
	return n, nil
}

func hex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// readTrailers reads the fields behind the last chunk. What speaks of framing comes too late
// there, and is dropped.
func (x *exchange) readTrailers() error {
	h := heads.Get().(*head)
	defer h.release()
	h.text, h.fields = h.text[:0], h.fields[:0]
	if err := x.readFields(h); err != nil || len(h.fields) == 0 {
		return err
	}
	for name, values := range h.header(string(h.text)) {
		if framed(name) {
			continue
		}
		if x.response.Trailer == nil {
			x.response.Trailer = http.Header{}
		}
		x.response.Trailer[name] = values
	}
	return nil
}
