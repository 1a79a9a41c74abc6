package body

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/fanout-operator/fanout/internal/memory"
)

const (
	// maxCodings bounds how often a body may be encoded.
	maxCodings = 3
	// zstdWindow is the largest that a receiver has to support (RFC 9659): a frame of
	// nine bytes can ask for far more.
	zstdWindow = 8 << 20
)

var (
	// ErrEncoding is returned for a body that is not what its Content-Encoding says, and
	// for an encoding that is not known.
	ErrEncoding = errors.New("the body cannot be decoded")
	errCodings  = fmt.Errorf("%w: it is encoded more than %d times", ErrEncoding, maxCodings)
)

// Codings returns the content codings of a body, in the order in which they were
// applied, without identity.
func Codings(contentEncoding []string) []string {
	var codings []string
	for _, line := range contentEncoding {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" && coding != "identity" {
				codings = append(codings, coding)
			}
		}
	}
	return codings
}

// Decode reads an encoded body to its end, and decodes it where it delays nobody. Neither its
// bytes on the wire nor what they decode to may exceed the limit. The error wraps ErrTooLarge,
// ErrEncoding or memory.ErrUsedUp, or is that of the reader.
func Decode(r io.Reader, codings []string, limit int64, account *memory.Account) ([]byte, error) {
	if len(codings) > maxCodings {
		return nil, errCodings
	}
	// An encoding of what is within the limit may be a little longer.
	most := limit + limit/8 + 4096
	wire, err := Read(r, -1, most, account)
	if err != nil || len(wire) == 0 { // nothing is nothing, whatever it is said to be
		return nil, err
	}
	var content []byte
	account.Do(max(expansion*len(wire), leastWork), func() { content, err = decode(wire, codings, limit, most, account) })
	account.Give(int64(cap(wire)))
	return content, err
}

const (
	// expansion is how many times longer what comes of an encoding may well be.
	expansion = 8
	// leastWork is what any encoding may take, in bytes that are looked at, however short it is:
	// sixty bytes of br ask for a window of 16 MiB, and two thousand of gzip for as much as the
	// limit allows.
	leastWork = 1 << 20
)

func decode(wire []byte, codings []string, limit, most int64, account *memory.Account) ([]byte, error) {
	layers := []*layer{{r: bytes.NewReader(wire), left: most}}
	for _, coding := range slices.Backward(codings) {
		window := windowOf(coding)
		if !account.Take(window) {
			return nil, memory.ErrUsedUp
		}
		defer account.Give(window)
		decoded, end, err := decoder(bufio.NewReader(layers[len(layers)-1]), coding)
		if err != nil {
			return nil, explain(err)
		}
		defer end()
		layers = append(layers, &layer{r: decoded, left: most})
	}
	p := pieces{account: account, declared: -1, most: limit + 1, next: first, inTurn: true}
	content, err := p.read(layers[len(layers)-1], limit)
	// A decoder may stop where its own end is; what is around it must end well, too.
	for i := len(layers) - 2; i > 0 && err == nil; i-- {
		_, err = io.Copy(io.Discard, layers[i])
	}
	if err != nil {
		return nil, explain(err)
	}
	return content, nil
}

// windowOf is what the decoder of a coding may look back on, in bytes.
func windowOf(coding string) int64 {
	switch coding {
	case "br":
		return 16 << 20
	case "zstd":
		return zstdWindow
	}
	return 64 << 10
}

// decoder is that of one coding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
func decoder(r io.Reader, coding string) (decoded io.Reader, end func(), err error) {
	switch coding {
	case "gzip", "x-gzip":
		decoded, err = gzip.NewReader(r)
	case "deflate":
		decoded, err = inflate(r)
	case "br":
		return brotli.NewReader(r), func() {}, nil
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("set up zstd: %w", err)
		}
		return d, d.Close, nil
	default:
		return nil, nil, fmt.Errorf("%w: nobody knows %q", ErrEncoding, coding)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("decode %s: %w", coding, err)
	}
	return decoded, func() {}, nil
}

// inflate reads zlib's format, which the name means, and bare deflate, which some send
// for it (RFC 9110, section 8.4.1.2, has a note of them).
func inflate(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

// layer are the bytes that one decoder reads, bounded.
type layer struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *layer) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if l.left -= int64(n); l.left < 0 {
		err = ErrTooLarge
	}
	return n, err // decoders look at it
}

// explain tells what is wrong with an encoding from what there is no room for.
func explain(err error) error {
	if errors.Is(err, ErrTooLarge) || errors.Is(err, memory.ErrUsedUp) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrEncoding, err)
}
