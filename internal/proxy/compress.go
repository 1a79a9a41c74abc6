package proxy

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minCompressed is the size from which a combined body is worth the time, in bytes:
// below it a response is one packet anyway.
const minCompressed = 1400

// compressor writes one content coding. It is used again.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// compressors are those that are idle.
type compressors struct{ gzip, zstd sync.Pool }

// compress encodes a combined body as the client likes it best (RFC 9110, section
// 12.5.3), and says so in the fields. Bodies of backends are passed as they are.
func (p *Proxy) compress(h http.Header, request *http.Request, body, dst []byte) (encoded []byte, ok bool) {
	h["Vary"] = append(h["Vary"], "Accept-Encoding")
	if len(body) < minCompressed {
		return body, false
	}
	coding := preferred(request.Header["Accept-Encoding"])
	pool := &p.compressors.gzip
	switch coding {
	case "":
		return body, false
	case "zstd":
		pool = &p.compressors.zstd
	}
	c, err := take(pool, coding)
	if err != nil {
		return body, false
	}
	out := &appender{dst}
	c.Reset(out)
	_, writeErr := c.Write(body)
	closeErr := c.Close()
	pool.Put(c)
	if writeErr != nil || closeErr != nil || len(out.b) >= len(body) {
		return body, false
	}
	h["Content-Encoding"] = []string{coding}
	return out.b, true
}

func take(pool *sync.Pool, coding string) (compressor, error) {
	if c, ok := pool.Get().(compressor); ok {
		return c, nil
	}
	if coding == "zstd" {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20)) //nolint:wrapcheck // of constants
	}
	return gzip.NewWriterLevel(nil, gzip.BestSpeed) //nolint:wrapcheck // of constants
}

type appender struct{ b []byte }

// Write implements io.Writer.
func (a *appender) Write(b []byte) (int, error) {
	a.b = append(a.b, b...)
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
