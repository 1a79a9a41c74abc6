package proxy_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// fate is what must become of an odd answer.
type fate int

const (
	// counts: it is a success, and its body arrives.
	counts fate = iota
	// either: a client may be lenient.
	either
	// fails: it is no success.
	fails
)

// oddLine is the first line of an answer, or what stands in its place.
type oddLine struct {
	text string
	fate fate
}

func oddStatuses() []oddLine {
	lines := []oddLine{
		{"HTTP/1.1 200 OK", counts}, {"HTTP/1.1 200 ", counts}, {"HTTP/1.1 201 Created", counts}, {"HTTP/1.1 299 Odd", counts}, {"HTTP/1.0 200 OK", counts},
		{"HTTP/1.1 200 caf\xc3\xa9 \xff", counts}, {"HTTP/1.1 200 " + strings.Repeat("r", 500), counts}, {"HTTP/1.1 200 OK\t", counts},
		{"HTTP/1.1 200", either}, {"HTTP/1.1  200 OK", either}, {"HTTP/1.2 200 OK", either}, {"HTTP/2.0 200 OK", either}, {"HTTP/1.1 200 \x00", either},
		{"HTTP/1.1 200 a\rb", either}, {"HTTP/0.9 200 OK", either}, {"HTTP/1.1 204 No Content", either}, {"HTTP/1.1 205 Reset Content", either},
		{"HTTP/1.1 206 Partial Content", either}, {"HTTP/1.1 200\tOK", either}, {"HTTP/9.9 200 OK", either},
		{"HTTP/1.1 200 " + strings.Repeat("r", 80_000), fails},
	}
	for _, code := range []string{"000", "099", "101", "300", "304", "400", "404", "429", "500", "599", "600", "999", "2000", "20", "-20", "+20", "abc", "0x1", ""} {
		lines = append(lines, oddLine{"HTTP/1.1 " + code + " Odd", fails})
	}
	for _, text := range []string{"", "HTTP/1.1", "http/1.1 200 OK", "ICY 200 OK", "HTTP/x 200 OK", "HTTP/1.1\t200\tOK", "220 ready", "SSH-2.0-x", "HTTP 200 OK",
		"\x15\x03\x01\x00\x02\x02\x28", " HTTP/1.1 200 OK", "{\"a\":1}", "\x00\x00\x00\x04\x00\x00\x00\x00\x00", "GET / HTTP/1.1", "HTTP/1.1/200 OK"} {
		lines = append(lines, oddLine{text, fails})
	}
	return lines
}

func oddInterims() []oddLine {
	const goOn, hints = "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX-Odd: interim\r\n\r\n"
	return []oddLine{
		{goOn, counts}, {hints, counts}, {goOn + hints + hints + goOn, counts}, {"HTTP/1.1 199 Odd\r\n\r\n", counts},
		{"HTTP/1.1 102 Odd\r\nContent-Length: 5\r\n\r\n", either}, {"HTTP/1.1 103 Odd\r\nTransfer-Encoding: chunked\r\n\r\n", either},
		{strings.Repeat(hints, 20), either}, {strings.Repeat(goOn, 300), either}, {"HTTP/1.1 103 Odd\r\nConnection: close\r\n\r\n", either},
		{"\r\n", either}, {"HTTP/1.1 100 Continue\r\nno colon\r\n\r\n", fails}, {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: odd\r\n\r\n", fails},
		{strings.Repeat(hints, 2000), fails},
	}
}

func oddAnswerFields() []oddLine {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "X-F%d: %d\r\n", i, i)
		}
		return b.String()
	}
	var lines []oddLine
	for _, text := range []string{
		"X-Odd: v\r\n", "X-Odd:\r\n", "X-ODD: 1\r\nx-odd: 2\r\n", "X-Odd: caf\xc3\xa9 \xff\r\n", "X-Odd: a\tb\r\n", many(200), "Server: " + strings.Repeat("s", 8000) + "\r\n",
		"Connection: keep-alive, X-Odd\r\nX-Odd: hop\r\n", "Connection: close\r\n", "Keep-Alive: timeout=0, max=-1\r\n", "Upgrade: h2c\r\n", "Proxy-Authenticate: Basic\r\n",
		"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: =;;\r\n", "Content-Type: application/json; charset=odd\r\n", "Content-Encoding: identity, ,\r\n", "Trailer: X-After\r\n",
		"Fanout-Outcome: failed\r\nFanout-Backends: odd;outcome=failed\r\n", "X-Request-Id: odd\r\n", "Retry-After: -1\r\n", "Date: odd\r\nAge: -1\r\nExpires: 0\r\n",
		"Cache-Control: ,,max-age=-1,=\r\nVary: *\r\n", "Location: //\xff\r\n", "Content-Range: bytes 5-2/1\r\n", "Content-Location: /..\r\nETag: W/\r\n", "Via: 1.1 odd, ,\r\n",
	} {
		lines = append(lines, oddLine{text, counts})
	}
	for _, text := range []string{
		"Trailer: X-After, Content-Length\r\n", "X-Odd: a\r\n b\r\n", "X-Odd: a\x00b\r\n", "X-Odd: a\rb\r\n", "X-Odd: \x7f\x0b\r\n", "X Odd: v\r\n", "X-Odd : v\r\n", "X-\xc3\xa9: v\r\n", "X(Odd): v\r\n", "X-Odd: v\n",
		": v\r\n", many(400), many(3000), "X-Odd: " + strings.Repeat("v", 60_000) + "\r\n", "Content-Type: \xff/\x80\r\n", "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
	} {
		lines = append(lines, oddLine{text, either})
	}
	for _, text := range []string{"no colon\r\n", "X-Odd: " + strings.Repeat("v", 90_000) + "\r\n", many(9000), "\x00\r\n"} {
		lines = append(lines, oddLine{text, fails})
	}
	return lines
}

// oddContent is the body of an answer as it is framed.
type oddContent struct {
	name  string
	fate  fate
	ends  bool // the end of the connection is that of the body
	frame func(body string) (fields, wire string)
}

func oddContents() []oddContent {
	const end = "0\r\n\r\n"
	return []oddContent{
		{"length", counts, false, length("Content-Length: %d\r\n")},
		{"length in capitals", counts, false, length("CONTENT-LENGTH:%d\r\n")},
		{"chunks", counts, false, chunks(1000, line("%x"), end)},
		{"chunks of a byte", counts, false, chunks(1, line("%x"), end)},
		{"extensions", counts, false, chunks(500, line("%X;a=b;c=\"d\""), end)},
		{"trailers", counts, false, chunks(900, line("%x"), "0\r\nX-After: 1\r\nX-After: 2\r\n\r\n")},
		{"trailers that speak of framing", counts, false, chunks(900, line("%x"), "0\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\nFanout-X: 1\r\n\r\n")},
		{"to the end", counts, true, func(body string) (string, string) { return "", body }},
		{"the same length twice", either, false, length("Content-Length: %d\r\nContent-Length: %d\r\n")},
		{"length with zeros", either, false, length("Content-Length: 000%d\r\n")},
		{"lengths in a list", either, false, length("Content-Length: %d, %d\r\n")},
		{"chunk sizes with zeros", either, false, chunks(1000, line("000%x"), end)},
		{"chunk sizes with space", either, false, chunks(1000, line("%x \t"), end)},
		{"long extensions", either, false, chunks(1000, line("%x;"+strings.Repeat("e", 3000)), end)},
		{"many trailers", either, false, chunks(1000, line("%x"), "0\r\n"+strings.Repeat("X-After: 1\r\n", 500)+"\r\n")},
		{"odd trailers", either, false, chunks(1000, line("%x"), "0\r\nX-After: \x00\x7f\r\nX After: 1\r\n\r\n")},
		{"length beside chunks", either, false, coded("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n")},
		{"coding in capitals", either, false, coded("Transfer-Encoding: CHUNKED\r\n")},
		{"empty length", either, true, length("Content-Length:\r\n")},
		{"shorter than it is", either, false, func(body string) (string, string) { return "Content-Length: 7\r\n", body }},
		{"longer than it is", fails, false, length("Content-Length: 1%d\r\n")},
		{"longer than is taken", fails, false, length("Content-Length: 99%d99999\r\n")},
		{"negative length", fails, false, length("Content-Length: -%d\r\n")},
		{"signed length", fails, false, length("Content-Length: +%d\r\n")},
		{"two lengths", fails, false, length("Content-Length: %d\r\nContent-Length: 1%d\r\n")},
		{"length in hex", fails, false, length("Content-Length: 0x%d\r\n")},
		{"length in words", fails, false, length("Content-Length: ten\r\n")},
		{"length beyond 64 bits", fails, false, length("Content-Length: 99999999999999999999\r\n")},
		{"codings before chunked", fails, false, coded("Transfer-Encoding: gzip, chunked\r\n")},
		{"chunked twice", fails, false, coded("Transfer-Encoding: chunked, chunked\r\n")},
		{"an unknown coding", fails, false, coded("Transfer-Encoding: xchunked\r\n")},
		{"no last chunk", fails, false, chunks(1000, line("%x"), "")},
		{"half a last chunk", fails, false, chunks(1000, line("%x"), "0\r\n")},
		{"a trailer without a colon", fails, false, chunks(1000, line("%x"), "0\r\nno colon\r\n\r\n")},
		{"chunks of no size", fails, false, chunks(1000, func(int) string { return "" }, end)},
		{"chunks of letters", fails, false, chunks(1000, line("g%x"), end)},
		{"negative chunks", fails, false, chunks(1000, line("-%x"), end)},
		{"chunks beyond 64 bits", fails, false, chunks(1000, line("fffffffffffffffff%x"), end)},
		{"chunks shorter than they are", fails, false, chunks(1000, func(n int) string { return fmt.Sprintf("%x", n-1) }, end)},
		{"chunks longer than they are", fails, false, chunks(1000, func(n int) string { return fmt.Sprintf("%x", n+1) }, end)},
	}
}

// oddCoding is a Content-Encoding. encode is nil where it is a lie.
type oddCoding struct {
	names  string
	fate   fate // of a response that is made of it
	encode []func(string) string
}

func oddCodings() []oddCoding {
	type list = []func(string) string
	half := func(s string) string { return s[:len(s)/2] }
	more := func(s string) string { return s + "more" }
	return []oddCoding{
		{"gzip", counts, list{gzipOf}}, {"X-GZip", counts, list{gzipOf}}, {"deflate", counts, list{zlibOf}}, {"deflate", counts, list{flateOf}}, {"br", counts, list{brotliOf}},
		{"zstd", counts, list{zstdOf}}, {"gzip, br", counts, list{gzipOf, brotliOf}}, {"zstd, identity, gzip, br", counts, list{zstdOf, gzipOf, brotliOf}},
		{"gzip", fails, nil}, {"br", fails, nil}, {"zstd", fails, nil}, {"deflate", fails, nil}, {"odd", fails, nil}, {"gzip, gzip, gzip, gzip", fails, nil}, {"gzip;q=1", fails, list{gzipOf}},
		{"gzip", fails, list{gzipOf, half}}, {"br", fails, list{brotliOf, half}}, {"zstd", fails, list{zstdOf, half}}, {"deflate", fails, list{zlibOf, half}}, {"br", fails, list{gzipOf}},
		{"gzip", either, list{gzipOf, more}}, {"br", either, list{brotliOf, more}}, {"zstd", either, list{zstdOf, more}}, {"gzip", either, list{gzipOf, func(s string) string { return s + s }}},
	}
}

// coder writes text through an encoder.
func coder(text string, open func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := open(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func gzipOf(s string) string {
	return coder(s, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

func zlibOf(s string) string {
	return coder(s, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}

func brotliOf(s string) string {
	return coder(s, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
}

func flateOf(s string) string {
	return coder(s, func(w io.Writer) io.WriteCloser {
		f, _ := flate.NewWriter(w, 6) // the level is one
		return f
	})
}

func zstdOf(s string) string {
	return coder(s, func(w io.Writer) io.WriteCloser {
		z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) // without options that can be wrong
		return z
	})
}

// oddTails follow an answer that is whole.
func oddTails() []string {
	return []string{
		"\r\n", "\n", "x", "\x00\x00\x00", "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"case\":\"" + stray + "\"}", "HTTP/1.1 200 OK\r\nX-Odd: " + stray + "\r\n", strings.Repeat("x", 2000),
	}
}

// oddTexts are bodies of other kinds. Each of them is combined, or is not.
func oddTexts() []oddLine {
	return []oddLine{
		{"", either}, {" ", either}, {"null", either}, {"NaN", either}, {"1e999", either}, {"\"\\ud800\"", either}, {"{\"a\":1,\"a\":2}", either}, {"\xef\xbb\xbf{}", either}, {"{}{}", either},
		{strings.Repeat("[", 600) + strings.Repeat("]", 600), either}, {strings.Repeat("[", 100_000), either}, {"\xff\xfe\x00", either}, {"\x00", either}, {strings.Repeat("\x01", 3000), either},
		{"{\"a\":\"\x01\"}", either}, {"{\"\\u0000\":1}", either}, {"</script>\u2028", either}, {"[" + strings.Repeat("0,", 5000) + "0]", either}, {"{\"a\":" + strings.Repeat("9", 5000) + "}", either},
		{strings.Repeat("{\"a\":", 511) + "1" + strings.Repeat("}", 511), either},
	}
}
