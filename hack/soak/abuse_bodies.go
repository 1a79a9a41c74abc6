package main

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// schema asks for most of what a schema can ask for.
const schema = `{"type":["object","array"],"maxProperties":20000,"properties":{"id":{"type":"string","pattern":"^(a+)+$"},
"list":{"type":"array","uniqueItems":true,"maxItems":2000},"n":{"type":"number","multipleOf":0.01}},
"patternProperties":{"^x-":{"type":"string","maxLength":10}},"additionalProperties":{"anyOf":[{"type":"string"},{"type":"number","multipleOf":0.1},{"type":["array","object"]}]},
"items":{"type":"array"}}`

// bodies are to a route that judges them, of as many bytes as it takes.
func (a *abuse) bodies() (list []*trial, err error) {
	small := same("application/json", []byte(`{"ok":true}`))
	judged := func(r *routeconfig.Route) { r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: schema} }
	for _, row := range []struct{ name, body string }{
		{"arrays in arrays, 512 deep", strings.Repeat("[", 510) + strings.Repeat("]", 510)},
		{"arrays in arrays, deeper than is read", strings.Repeat("[", maxBody) + "]"},
		{"the smallest arrays", "[" + strings.Repeat("[],", maxBody/3-2) + "[]]"},
		{"2,000 arrays that must differ", `{"list":[` + strings.TrimSuffix(numbered(2_000, `[[[%d]]],`), ",") + "]}"},
		{"more arrays that must differ than there may be", `{"list":[` + strings.Repeat("[[]],", 150_000) + "1]}"},
		{"properties of a pattern", "{" + strings.TrimSuffix(numbered(19_000, `"x-%d":"123456789012345",`), ",") + "}"},
		{"a text for a pattern", `{"id":"` + strings.Repeat("a", maxBody-20) + `!"}`},
		{"numbers of a thousand digits", "{" + strings.TrimSuffix(numbered(1_000, `"n%d":`+strings.Repeat("9", 900)+".123,"), ",") + "}"},
		{"a number of a million digits", `{"n":` + strings.Repeat("9", maxBody-10) + "}"},
		{"numbers of large exponents", "{" + strings.TrimSuffix(numbered(15_000, `"n%d":1e1000,`), ",") + "}"},
		{"a name again and again", "{" + strings.TrimSuffix(strings.Repeat(`"a":1,`, 150_000), ",") + "}"},
		{"escapes", `{"id":"` + strings.Repeat(`\u0061`, 150_000) + `"}`},
		{"what is no JSON, at its end", `{"id":"` + strings.Repeat("a", maxBody-20) + `"`},
	} {
		text := http1("/", "Content-Type: application/json\r\n", row.body)
		list = append(list, a.overTLS(&trial{name: "judged bodies: " + row.name, handlers: small, modify: judged,
			load: (&crowding{connections: 10, secure: a.plain(), talk: over(text)}).load}))
	}
	return append(list, a.slow(small)...), nil
}

// slow are bodies that never end.
func (a *abuse) slow(small []http.HandlerFunc) (list []*trial) {
	chunk := "1;" + strings.Repeat("x", 40) + "=1\r\na\r\n"
	for _, row := range []struct {
		name        string
		connections int
		talk        func(context.Context, net.Conn, int) error
		secure      bool
	}{
		{"by the byte", 300, dripping("POST / HTTP/1.1\r\nHost: soak.example\r\nContent-Length: 100000\r\n\r\n", "a"), false},
		{"by the chunk", 300, dripping("POST / HTTP/1.1\r\nHost: soak.example\r\nTransfer-Encoding: chunked\r\n\r\n", chunk), false},
		{"of chunks of a byte", 20, begun("POST / HTTP/1.1\r\nHost: soak.example\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\na\r\n", piece/6)), false},
		{"of chunks of a byte with extensions", 20, begun("POST / HTTP/1.1\r\nHost: soak.example\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat(chunk, piece/len(chunk))), false},
		{"of trailers", 20, begun("POST / HTTP/1.1\r\nHost: soak.example\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n", strings.Repeat("X: v\r\n", piece/6)), false},
		{"by the byte on 100 streams of HTTP/2", 20, drops, true},
	} {
		c := &crowding{connections: row.connections, secure: a.plain(), talk: row.talk}
		if row.secure {
			c.secure = a.secure
		}
		list = append(list, a.overTLS(&trial{name: "slow bodies: " + row.name, handlers: small, load: c.load}))
	}
	return list
}

// dripping sends a beginning, and then a little every 50 ms.
func dripping(begin, drop string) func(context.Context, net.Conn, int) error {
	return func(ctx context.Context, conn net.Conn, _ int) error {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for text := begin; ; text = drop {
			if _, err := io.WriteString(conn, text); err != nil {
				return err // it has ended
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
}

// begun sends a beginning, and then the same for ever.
func begun(begin, rest string) func(context.Context, net.Conn, int) error {
	return func(ctx context.Context, conn net.Conn, client int) error {
		if _, err := io.WriteString(conn, begin); err != nil {
			return err // it has ended
		}
		return over([]byte(rest))(ctx, conn, client)
	}
}

// drops sends a byte on each of 100 streams every 50 ms.
func drops(ctx context.Context, conn net.Conn, _ int) error {
	s := newScript()
	s.begin()
	for range 100 {
		s.ask(s.next(), false)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := conn.Write(s.take()); err != nil {
			return err // it has ended
		}
		for id := uint32(1); id <= s.stream; id += 2 {
			s.data(id, 1, false)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// bomb is what decodes to far more than it is: the coding's name and its bytes.
type bomb struct {
	name, coding string
	content      []byte
}

// codings are bombs, both ways.
func (a *abuse) codings() (list []*trial, err error) {
	bombs, err := bombs()
	if err != nil {
		return nil, err
	}
	small := same("application/json", []byte(`{"ok":true}`))
	judged := func(r *routeconfig.Route) { r.Validation.JSONSchema = &routeconfig.JSONSchema{Text: schema} }
	for _, b := range bombs {
		text := http1("/", "Content-Type: application/json\r\nContent-Encoding: "+b.coding+"\r\n", string(b.content))
		list = append(list,
			a.overTLS(&trial{name: "bombs: a request of " + b.name, handlers: small, modify: judged,
				load: (&crowding{connections: 10, secure: a.plain(), talk: over(text)}).load}),
			&trial{name: "bombs: answers of " + b.name, handlers: coded(b), load: flood(10, span, []byte("{}"))})
	}
	return list, nil
}

// coded are backends that answer a bomb.
func coded(b bomb) (list []http.HandlerFunc) {
	for range memoryBackends {
		list = append(list, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", b.coding)
			reply(w, "application/json", b.content)
		})
	}
	return list
}

// bombs are of up to 64 MiB of blanks, or of as much that decodes to nothing as there may be.
func bombs() (list []bomb, err error) {
	type writer func(io.Writer) (io.WriteCloser, error)
	gz := func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) }
	br := func(w io.Writer) (io.WriteCloser, error) {
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 5, LGWin: 24}), nil
	}
	zs := func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithWindowSize(8<<20)) }
	zl := func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriterLevel(w, zlib.BestCompression) }
	fl := func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) }
	blanks := bytes.Repeat([]byte(" "), 1<<20)
	for _, row := range []struct {
		name, coding string
		layers       []writer
	}{
		{"gzip", "gzip", []writer{gz}}, {"br", "br", []writer{br}}, {"zstd", "zstd", []writer{zs}},
		{"deflate", "deflate", []writer{zl}}, {"bare deflate", "deflate", []writer{fl}},
		{"gzip in gzip in gzip", "gzip, gzip, gzip", []writer{gz, gz, gz}}, {"br in zstd in gzip", "br, zstd, gzip", []writer{br, zs, gz}},
	} {
		content, err := encoded(blanks, 64, row.layers[0])
		for _, further := range row.layers[1:] {
			if err == nil {
				content, err = encoded(content, 1, further)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("make a bomb of %s: %w", row.name, err)
		}
		list = append(list, bomb{row.name, row.coding, content})
	}
	empty, err := encoded(nil, 1, gz)
	if err != nil {
		return nil, fmt.Errorf("make a bomb of nothing: %w", err)
	}
	return append(list,
		bomb{"gzip of nothing again and again", "gzip", bytes.Repeat(empty, maxBody/len(empty))},
		bomb{"zstd of frames that are skipped", "zstd", bytes.Repeat([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, maxBody/8)},
		bomb{"zstd that asks for a window of 2 GiB", "zstd", append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3}, 0x01, 0x00, 0x00)},
		bomb{"bare deflate of empty blocks", "deflate", bytes.Repeat([]byte{0x00, 0x00, 0x00, 0xff, 0xff}, maxBody/5)},
		bomb{"br of blocks that are skipped", "br", append([]byte{0x0c}, bytes.Repeat([]byte{0x06}, maxBody)...)},
	), nil
}

func encoded(content []byte, times int, begin func(io.Writer) (io.WriteCloser, error)) ([]byte, error) {
	var out bytes.Buffer
	w, err := begin(&out)
	if err != nil {
		return nil, err // named by the caller
	}
	for range times {
		if _, err := w.Write(content); err != nil {
			return nil, err // named by the caller
		}
	}
	if err := w.Close(); err != nil {
		return nil, err // named by the caller
	}
	return out.Bytes(), nil
}
