package proxy

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/fanout-operator/fanout/internal/memory"
)

// minCompressed is the size from which a combined body is worth the time, in bytes:
// below it a response is one packet anyway.
const minCompressed = 1400

// encoderWindow is what zstd looks back on, in bytes.
const encoderWindow = 256 << 10

// compressor writes one content coding. It is used again.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// compressors are those that are idle, and slots for those at work: more at once than
// there are processors would take memory, and no less time.
type compressors struct {
	gzip, zstd sync.Pool
	slots      chan struct{}
}

func newCompressors() compressors {
	return compressors{slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// variesByCoding is for reading alone.
var variesByCoding = []string{"Accept-Encoding"} //nolint:gochecknoglobals // the same for all responses

// compress encodes a combined body as the client likes it best (RFC 9110, section
// 12.5.3), and says so in the fields. Bodies of backends are passed as they are, and one
// is that for whose encoding there is no room.
func (p *Proxy) compress(h http.Header, request *http.Request, content []byte, account *memory.Account) []byte {
	if before := h["Vary"]; len(before) == 0 {
		h["Vary"] = variesByCoding
	} else {
		h["Vary"] = append(before, "Accept-Encoding")
	}
	if len(content) < minCompressed {
		return content
	}
	coding := preferred(request.Header["Accept-Encoding"])
	if coding == "" || !account.Take(int64(len(content))) {
		return content
	}
	var encoded []byte
	var ok bool
	account.Do(len(content), func() { encoded, ok = p.compressors.encode(coding, content) })
	if !ok {
		account.Give(int64(len(content)))
		return content
	}
	h["Content-Encoding"] = []string{coding}
	return encoded
}

// encode encodes a body; ok is false where that makes it no shorter.
func (c *compressors) encode(coding string, content []byte) (encoded []byte, ok bool) {
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	pool := &c.gzip
	if coding == "zstd" {
		pool = &c.zstd
	}
	w, err := take(pool, coding)
	if err != nil {
		return nil, false
	}
	out := &shorter{make([]byte, 0, len(content))}
	w.Reset(out)
	_, writeErr := w.Write(content)
	closeErr := w.Close()
	w.Reset(nil)
	pool.Put(w)
	return out.b, writeErr == nil && closeErr == nil
}

func take(pool *sync.Pool, coding string) (compressor, error) {
	if c, ok := pool.Get().(compressor); ok {
		return c, nil
	}
	if coding == "zstd" {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(encoderWindow))
	}
	return gzip.NewWriterLevel(nil, gzip.BestSpeed)
}

// shorter takes what has room in it.
type shorter struct{ b []byte }

var errNotShorter = errors.New("the encoding is no shorter")

// Write implements io.Writer.
func (s *shorter) Write(b []byte) (int, error) {
	if len(s.b)+len(b) > cap(s.b) {
		return 0, errNotShorter
	}
	s.b = append(s.b, b...)
	return len(b), nil
}

// preferred is the coding of ours that a client gives the greatest weight, or none.
func preferred(lines []string) string {
	weights := map[string]float64{}
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			coding, parameters, _ := strings.Cut(item, ";")
			weights[strings.ToLower(strings.TrimSpace(coding))] = weight(parameters)
		}
	}
	best, most := "", 0.0
	for _, coding := range [...]string{"zstd", "gzip"} { // of equal weights, the first
		w, named := weights[coding]
		if !named {
			w = weights["*"]
		}
		if w > most {
			best, most = coding, w
		}
	}
	if identity, named := weights["identity"]; named && identity > most {
		return ""
	}
	return best
}

// weight reads q=0.5; what is none is taken for a refusal.
func weight(parameters string) float64 {
	name, value, found := strings.Cut(strings.TrimSpace(parameters), "=")
	if !found && name == "" {
		return 1
	}
	w, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(name), "q") || w < 0 || w > 1 {
		return 0
	}
	return w
}
