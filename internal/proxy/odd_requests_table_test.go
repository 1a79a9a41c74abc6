package proxy_test

import (
	"fmt"
	"strings"
)

// verdict is what must become of something odd.
type verdict int

const (
	// passes: it is valid, and reaches every backend once.
	passes verdict = iota
	// may pass or be refused: RFC 9112 lets a server choose, or it is harmless.
	may
	// refused gets an error, reaches no backend, and what follows on the connection is
	// read from where it ends.
	refused
	// broken gets an error or none, and nothing that follows on the connection is read:
	// nobody knows where it begins.
	broken
)

// odd is a part of a request. What closes has nothing behind it.
type odd struct {
	text    string
	verdict verdict
	closes  bool
}

func oddMethods() []odd {
	return []odd{
		{text: "GET"}, {text: "POST"}, {text: "PUT"}, {text: "PATCH"}, {text: "DELETE"}, {text: "HEAD"}, {text: "OPTIONS"},
		{"BREW", refused, false}, {"TRACE", refused, false}, {"get", refused, false}, {"X-!#$%&'*+.^_`|~9", refused, false},
		{strings.Repeat("M", 3000), refused, false}, {"CONNECT", may, true},
		{"", broken, true}, {"G ET", broken, true}, {"GE\tT", broken, true}, {"G\x00ET", broken, true}, {"P(ST", broken, true}, {"\xc3\x89T", broken, true},
		{" GET", broken, true}, {"\tGET", broken, true}, {"PRI", may, true},
	}
}

func oddTargets() []odd {
	return []odd{
		{text: "/"}, {text: "/a/b"}, {text: "/a%2Fb;c=d,e?f=g&h&f=%20+"}, {text: "/?"}, {text: "/?a=?&b=/../.."}, {text: "/a//b"}, {text: "/%C3%A9"},
		{text: "/" + strings.Repeat("a", 8000)}, {text: "http://other.example/abs?x=y"}, {text: "/.../..a/b.."}, {text: "/" + strings.Repeat("a/", 500)},
		{"/a\\b", may, false}, {"/a|b^c`d{e}\"<f>", may, false}, {"/caf\xc3\xa9", may, false}, {"/\xff\xfe", may, false}, {"/a#b", may, true},
		{"//x", may, false}, {"https://user:word@other.example/x", may, true}, {"http://other.example", may, true}, {"/%00", may, false},
		{"//other.example/x", may, false}, {"/a;b=..;/c", may, false},
		{"/../x", refused, false}, {"/x/..", refused, false}, {"/%2e%2e/x", refused, false}, {"/x/.%2E", refused, false}, {"/x/..;/y", refused, false},
		{"/x%2f..%2fy", refused, false}, {"/x/%5c../y", may, false}, {"*", may, true}, {"?x", may, true}, {"x", broken, true}, {"", broken, true},
		{"/a b", broken, true}, {"/a\tb", broken, true}, {"/a\x00b", broken, true}, {"/a\x7fb", broken, true}, {"/a\x01b", broken, true}, {"/%zz", broken, true}, {"/%", broken, true},
		{"/" + strings.Repeat("a", 80_000), broken, true}, {"http://[::1", broken, true}, {"x:y", may, true}, {"/\r/", broken, true},
	}
}

func oddVersions() []odd {
	return []odd{
		{text: "HTTP/1.1"}, {"HTTP/1.0", passes, true}, {"HTTP/1.2", may, true}, {"HTTP/1.9", may, true},
		{"HTTP/0.9", broken, true}, {"HTTP/2.0", broken, true}, {"HTTP/3.0", broken, true}, {"HTTP/1.10", broken, true}, {"http/1.1", broken, true},
		{"HTTP/11", broken, true}, {"HTTP/1.1 x", broken, true}, {"HTTP/1.1\t", broken, true}, {"HTTP/-1.1", broken, true}, {"HTTP/1,1", broken, true},
		{"", broken, true}, {"HTTPS/1.1", broken, true}, {"HTTP/1.", broken, true}, {"HTTP/1.1\x00", broken, true},
	}
}

func oddHosts() []odd {
	return []odd{
		{text: "Host: x\r\n"}, {text: "hOST:x:8080\r\n"}, {text: "Host: [::1]:80\r\n"}, {text: "Host:  x \t\r\n"},
		{"", broken, true}, {"Host: a\r\nHost: b\r\n", broken, true}, {"Host: a\r\nhost: a\r\n", broken, true}, {"Host:\r\n", may, false},
		{"Host: a b\r\n", broken, true}, {"Host: a/b\r\n", broken, true}, {"Host: a\x00\r\n", broken, true}, {"Host: a@b\r\n", may, false},
		{"Host: a,b\r\n", may, false}, {"Host: " + strings.Repeat("a", 5000) + "\r\n", may, false}, {"Host: \xff\r\n", broken, true}, {"Host : a\r\n", broken, true},
	}
}

func oddFields() []odd {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "X-F%d: %d\r\n", i, i)
		}
		return b.String()
	}
	return []odd{
		{text: "X-Odd: v\r\n"}, {text: "X-Odd:v\r\n"}, {text: "X-Odd: \t v \t \r\n"}, {text: "X-Odd:\r\n"}, {text: "X-ODD: 1\r\nx-odd: 2\r\n"},
		{text: "X-!#$%&'*+.^_`|~: v\r\n"}, {text: "X-Odd: caf\xc3\xa9 \xff\r\n"}, {text: "X-Odd: a\tb\r\n"}, {text: "X-Odd: " + strings.Repeat("v", 8000) + "\r\n"},
		{text: many(200)}, {text: "Accept-Encoding: gzip;q=0, identity;q=0.5, *;q=0\r\n"}, {text: "Accept-Encoding: ,,;q=x\r\n"}, {text: "X-Odd: \"\\\r\n"},
		{text: "TE: trailers, deflate\r\n"}, {text: "Trailer: X-After\r\n"}, {text: "Range: bytes=5-2,-1,999999999999999999999-\r\n"},
		{text: "Connection: keep-alive, X-Odd, Host, X-Case-Not\r\nX-Odd: hop\r\n"}, {"Connection: close\r\n", passes, true}, {"Connection: x, CLOSE\r\n", passes, true},
		{"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", passes, false}, {text: "Upgrade: h2c, x/1\r\n"},
		{text: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"}, {text: "Proxy-Connection: close\r\nKeep-Alive: timeout=-1\r\n"},
		{text: "Expect: 100-continue\r\n"}, {text: "Content-Type: \xff/;=\r\n"}, {text: "Content-Encoding: gzip\r\n"}, {text: "Fanout-Outcome: failed\r\nX-Request-Id: a b\r\n"},
		{text: "Forwarded: for=\"[::1]:x\r\nX-Forwarded-For: ,,%,\r\nVia: 1.1 x, ,\r\n"}, {text: "Cookie: =;=;\r\nAuthorization: \r\n"},
		{many(400), may, true}, {many(3000), may, true}, {"X-Odd: " + strings.Repeat("v", 60_000) + "\r\n", may, true}, {"Via: 1.1 x\x80y\r\n", may, false},
		{"X-Odd: a\r\n b\r\n", may, true}, {"X-Odd: a\r\n\tb: c\r\n", may, true}, {"X-Odd: a\nX-Odd: b\r\n", may, true}, {"X-Odd: v\n", may, true},
		{"Expect: 200-ok\r\n", may, true}, {"Expect: 100-continue, x\r\n", may, true},
		{"X-Odd: " + strings.Repeat("v", 80_000) + "\r\n", broken, true}, {many(9000), broken, true},
		{"X Odd: v\r\n", broken, true}, {"X-Odd : v\r\n", broken, true}, {": v\r\n", broken, true}, {"no colon\r\n", broken, true}, {"X-Odd\x00: v\r\n", broken, true},
		{"X-\xc3\xa9: v\r\n", broken, true}, {"X-Odd: a\x00b\r\n", broken, true}, {"X-Odd: a\rb\r\n", broken, true}, {"X-Odd: a\x0bb\r\n", broken, true}, {"X-Odd: \x7f\r\n", broken, true},
		{"X(Odd): v\r\n", broken, true}, {"\"X\": v\r\n", broken, true}, {"X-Odd\t: v\r\n", broken, true}, {"\rX-Odd: v\r\n", broken, true},
	}
}

// framed is a body on the wire.
type framed struct {
	name    string
	verdict verdict
	closes  bool
	frame   func(body string) (fields, wire string)
}

// length frames a body by a Content-Length of the given form, in which %d is the length.
func length(format string) func(string) (string, string) {
	return func(body string) (string, string) {
		return strings.ReplaceAll(format, "%d", fmt.Sprint(len(body))), body
	}
}

// chunks frames a body in chunks of a size. head makes the line before a chunk, last is
// what stands at the end.
func chunks(size int, head func(n int) string, last string) func(string) (string, string) {
	return func(body string) (string, string) {
		var b strings.Builder
		for len(body) > 0 {
			n := min(size, len(body))
			b.WriteString(head(n) + "\r\n" + body[:n] + "\r\n")
			body = body[n:]
		}
		return "Transfer-Encoding: chunked\r\n", b.String() + last
	}
}

// line is a printf of a chunk's size.
func line(format string) func(int) string {
	return func(n int) string { return fmt.Sprintf(format, n) }
}

// coded is a body in chunks under another Transfer-Encoding.
func coded(fields string) func(string) (string, string) {
	return func(body string) (string, string) {
		_, wire := chunks(1000, line("%x"), "0\r\n\r\n")(body)
		return strings.ReplaceAll(fields, "%d", fmt.Sprint(len(body))), wire
	}
}

func oddFramings() []framed {
	const end = "0\r\n\r\n"
	return []framed{
		{"length", passes, false, length("Content-Length: %d\r\n")},
		{"length in capitals, in space", passes, false, length("CONTENT-LENGTH: \t%d \r\n")},
		{"chunks", passes, false, chunks(1000, line("%x"), end)},
		{"chunks of a byte", passes, false, chunks(1, line("%x"), end)},
		{"chunks in capitals", passes, false, chunks(700, line("%X"), end)},
		{"extensions", passes, false, chunks(500, line("%x;a=b;c=\"d;\\\" e\""), end)},
		{"trailers", passes, false, chunks(900, line("%x"), "0\r\nX-After: 1\r\nX-After: 2\r\n\r\n")},
		{"trailers that speak of framing", passes, false, chunks(900, line("%x"), "0\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\nHost: y\r\nFanout-X: 1\r\n\r\n")},
		{"coding in capitals", passes, false, coded("Transfer-Encoding: CHUNKED\r\n")},
		{"the same length twice", may, true, length("Content-Length: %d\r\nContent-Length: %d\r\n")},
		{"length with zeros", may, true, length("Content-Length: 000%d\r\n")},
		{"lengths in a list", may, true, length("Content-Length: %d, %d\r\n")},
		{"chunk sizes with zeros", may, true, chunks(1000, line("000%x"), end)},
		{"chunk sizes with space", may, true, chunks(1000, line("%x \t"), end)},
		{"space before an extension", may, true, chunks(1000, line("%x ;a"), end)},
		{"long extensions", may, true, chunks(1000, line("%x;"+strings.Repeat("e", 3000)), end)},
		{"many trailers", may, true, chunks(1000, line("%x"), "0\r\n"+strings.Repeat("X-After: 1\r\n", 500)+"\r\n")},
		{"length beside chunks", may, true, coded("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n")},
		{"chunks beside a length", may, true, coded("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
		{"chunk lines that end in LF", may, true, chunks(1000, func(n int) string { return fmt.Sprintf("%x;\n", n) }, end)},
		{"negative length", broken, true, length("Content-Length: -%d\r\n")},
		{"signed length", broken, true, length("Content-Length: +%d\r\n")},
		{"two lengths", broken, true, length("Content-Length: %d\r\nContent-Length: 1%d\r\n")},
		{"length in hex", broken, true, length("Content-Length: 0x%d\r\n")},
		{"length in words", broken, true, length("Content-Length: ten\r\n")},
		{"length with a point", broken, true, length("Content-Length: %d.0\r\n")},
		{"length beyond 64 bits", broken, true, length("Content-Length: 99999999999999999999\r\n")},
		{"length beyond what is taken", broken, true, length("Content-Length: 9223372036854775807\r\n")},
		{"empty length", broken, true, length("Content-Length:\r\n")},
		{"codings before chunked", broken, true, coded("Transfer-Encoding: gzip, chunked\r\n")},
		{"codings after chunked", broken, true, coded("Transfer-Encoding: chunked, gzip\r\n")},
		{"chunked twice", broken, true, coded("Transfer-Encoding: chunked, chunked\r\n")},
		{"two lines of chunked", broken, true, coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
		{"identity", broken, true, coded("Transfer-Encoding: identity\r\n")},
		{"an unknown coding", broken, true, coded("Transfer-Encoding: xchunked\r\n")},
		{"a coding with a control", broken, true, coded("Transfer-Encoding: \x0bchunked\r\n")},
		{"a coding in quotes", broken, true, coded("Transfer-Encoding: \"chunked\"\r\n")},
		{"chunks of no size", broken, true, chunks(1000, func(int) string { return "" }, end)},
		{"chunks of letters", broken, true, chunks(1000, line("g%x"), end)},
		{"chunks in 0x", broken, true, chunks(1000, line("0x%x"), end)},
		{"negative chunks", broken, true, chunks(1000, line("-%x"), end)},
		{"signed chunks", broken, true, chunks(1000, line("+%x"), end)},
		{"chunks with space before", broken, true, chunks(1000, line(" %x"), end)},
		{"chunks beyond 64 bits", broken, true, chunks(1000, line("fffffffffffffffff%x"), end)},
		{"chunks shorter than they are", broken, true, chunks(1000, func(n int) string { return fmt.Sprintf("%x", n-1) }, end)},
		{"chunks longer than they are", broken, true, chunks(1000, func(n int) string { return fmt.Sprintf("%x", n+1) }, end)},
		{"a trailer without a colon", broken, true, chunks(1000, line("%x"), "0\r\nno colon\r\n\r\n")},
	}
}

// oddGreetings are no requests of HTTP/1.1 at all: of other protocols, and of HTTP/2 by
// prior knowledge, some of which go wrong after it.
func oddGreetings() []string {
	const preface, settings = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	frame := func(kind, flags byte, stream uint32, payload string) string {
		n := len(payload)
		return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream)}) + payload
	}
	return []string{
		"\r\n\r\n\r\n", "\n", "\x00", "GET", "GET /", "GET / HTTP/1.1", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "SSH-2.0-x\r\n", "* OK\r\n",
		strings.Repeat("\r\n", 3000), strings.Repeat("a", 100_000), strings.Repeat("\x00", 2000), "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\r\r\n",
		preface[:10], preface[:20], preface, preface + "\r\n", preface + settings, preface + settings + settings,
		preface + settings + frame(0, 0, 0, "data on no stream"), preface + settings + frame(0, 1, 1, "data on an idle stream"),
		preface + settings + frame(1, 5, 1, "\xff\xff\xff no field block"), preface + settings + frame(1, 5, 2, ""), preface + settings + frame(1, 1, 1, "\x82"),
		preface + settings + frame(3, 0, 1, "\x00\x00\x00\x08"), preface + settings + frame(8, 0, 0, "\x00\x00\x00\x00"), preface + settings + frame(9, 4, 1, "\x82"),
		preface + settings + frame(4, 0, 0, "\x00\x05\x00\x00\x00\x01"), preface + settings + frame(4, 1, 0, "x"), preface + settings + frame(6, 0, 0, "short"),
		preface + settings + strings.Repeat(frame(6, 0, 0, "01234567"), 50), preface + settings + frame(7, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00"),
		preface + settings + frame(99, 255, 7, "an unknown frame"), preface + settings + "\xff\xff\xff\x00\x00\x00\x00\x00\x01", preface + "\x00\x00\x04\x00\x00\x00\x00\x00\x01data",
		preface + settings + strings.Repeat(frame(4, 0, 0, ""), 30), preface + settings + frame(5, 4, 1, "\x00\x00\x00\x02\x82"),
	}
}
