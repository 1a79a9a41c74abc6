package wire_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fanout-operator/fanout/internal/wire"
)

// read is what became of a response.
type read struct {
	Status  int
	Fields  http.Header
	Length  int64
	Body    string
	Trailer http.Header
}

// exchanged reads a response to its end, and says whether the connection can be used again.
func exchanged(t testing.TB, method, answer string) (got read, free bool, err error) {
	t.Helper()
	c, ended := open(t, answering(answer))
	response, err := c.RoundTrip(get(t, method))
	if err != nil {
		return read{}, c.Free(), err
	}
	body, err := io.ReadAll(response.Body)
	if again, _ := response.Body.Read(make([]byte, 1)); again != 0 {
		t.Errorf("%d bytes behind the end", again)
	}
	_ = response.Body.Close()
	if want := response.Body != http.NoBody; want != (*ended == 1) {
		t.Errorf("%q: told %d times of the end of its body", answer, *ended)
	}
	return read{response.StatusCode, response.Header, response.ContentLength, string(body), response.Trailer}, c.Free(), err
}

const ok = "HTTP/1.1 200 OK\r\n"

// exchangeRow is a response that is taken, and whether the connection is good for another one.
type exchangeRow struct {
	method, answer string
	want           read
	again          bool
}

func chunked(rest string) string { return ok + "Transfer-Encoding: chunked\r\n\r\n" + rest }

func goodResponses() map[string]exchangeRow {
	return map[string]exchangeRow{
		"a length":                     {"GET", ok + "X-A:  b \t\r\nx-a: c\r\nContent-Length: 5\r\n\r\nhello", read{200, http.Header{"X-A": {"b", "c"}, "Content-Length": {"5"}}, 5, "hello", nil}, true},
		"the same length again":        {"GET", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", read{200, http.Header{"Content-Length": {"2"}}, 2, "hi", nil}, true},
		"until it is closed":           {"GET", ok + "\r\nhello", read{200, http.Header{}, -1, "hello", nil}, false},
		"nothing":                      {"GET", ok + "Content-Length: 0\r\n\r\n", read{200, http.Header{"Content-Length": {"0"}}, 0, "", nil}, true},
		"to HEAD":                      {"HEAD", ok + "Content-Length: 5\r\n\r\n", read{200, http.Header{"Content-Length": {"5"}}, 5, "", nil}, true},
		"204":                          {"GET", "HTTP/1.1 204 No Content\r\n\r\n", read{204, http.Header{}, 0, "", nil}, true},
		"304 with a length":            {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", read{304, http.Header{"Content-Length": {"5"}}, 0, "", nil}, true},
		"that closes":                  {"GET", ok + "Connection: x, Close\r\nContent-Length: 1\r\n\r\na", read{200, http.Header{"Connection": {"x, Close"}, "Content-Length": {"1"}}, 1, "a", nil}, false},
		"of HTTP/1.0":                  {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", read{200, http.Header{"Content-Length": {"1"}}, 1, "a", nil}, false},
		"of HTTP/1.0 that stays":       {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", read{200, http.Header{"Connection": {"keep-alive"}, "Content-Length": {"1"}}, 1, "a", nil}, true},
		"without a reason":             {"GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", read{200, http.Header{"Content-Length": {"0"}}, 0, "", nil}, true},
		"after interim ones":           {"GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", read{200, http.Header{"Content-Length": {"0"}}, 0, "", nil}, true},
		"after one with a length":      {"GET", "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", read{200, http.Header{"Content-Length": {"0"}}, 0, "", nil}, true},
		"chunks":                       {"GET", chunked("5\r\nhello\r\n0001;a=b \r\n!\r\n0\r\n\r\n"), read{200, http.Header{}, -1, "hello!", nil}, true},
		"chunks with padding":          {"GET", chunked("1 \t\r\nA\r\n0\r\n\r\n"), read{200, http.Header{}, -1, "A", nil}, true},
		"no chunks":                    {"GET", chunked("0\r\n\r\n"), read{200, http.Header{}, -1, "", nil}, true},
		"a trailer":                    {"GET", ok + "Trailer: x-b, ,X-C\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-B: 1\r\nX-C: 2\r\nContent-Length: 7\r\n\r\n", read{200, http.Header{}, -1, "a", http.Header{"X-B": {"1"}, "X-C": {"2"}}}, true},
		"more than was asked for":      {"GET", ok + "Content-Length: 1\r\n\r\na" + ok + "Content-Length: 1\r\n\r\nb", read{200, http.Header{"Content-Length": {"1"}}, 1, "a", nil}, false},
		"204 with what it cannot have": {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi", read{204, http.Header{"Content-Length": {"2"}}, 0, "", nil}, false},
		"a head longer than a buffer":  {"GET", ok + "X-A: " + strings.Repeat("a", 5000) + "\r\nContent-Length: 0\r\n\r\n", read{200, http.Header{"X-A": {strings.Repeat("a", 5000)}, "Content-Length": {"0"}}, 0, "", nil}, true},
		"a field without a value":      {"GET", ok + "X-A:\r\nContent-Length: 0\r\n\r\n", read{200, http.Header{"X-A": {""}, "Content-Length": {"0"}}, 0, "", nil}, true},
	}
}

// What is taken, and what the connection is good for afterwards.
func TestResponses(t *testing.T) {
	t.Parallel()
	for name, row := range goodResponses() {
		synctest.Test(t, func(t *testing.T) {
			got, free, err := exchanged(t, row.method, row.answer)
			if diff := cmp.Diff(row.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", name, err, diff)
			}
			if free != row.again {
				t.Errorf("%s: the connection can be used again: %v", name, free)
			}
		})
	}
}

func field(line string) string { return ok + line + "\r\nContent-Length: 0\r\n\r\n" }

func badResponses() []string {
	return []string{
		"", "\r\n", "HTTP/1.1", "http/1.1 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 -20 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1 200 O\x00K\r\n\r\n", "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 200 OK\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", 300) + ok + "\r\n",
		"HTTP/1.1 100 Continue\r\nContent-Length: x\r\n\r\n" + ok + "\r\n", "HTTP/1.1 103 Early Hints\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + ok + "\r\n",
		"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: x\r\n\r\n" + ok + "\r\n", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + ok + "\r\n",
		ok + "X-A: b\n\r\n", ok + "X-A: b\r\n", ok + "X-A: " + strings.Repeat("a", maxHead) + "\r\n\r\n", ok + strings.Repeat("A:\r\n", 1001) + "\r\n",
		field("no colon"), field(": empty"), field("X-A : b"), field(" X-A: b"), field("X-A: b\r\n folded"), field("X A: b"), field("X-A: \x00"), field("X-A: \x7f"), field("X-A: a\rb"), field("X-\xc3\xa9: b"), field("(: b"),
		ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\naa", ok + "Content-Length: 1, 1\r\n\r\na", ok + "Content-Length: \r\n\r\n", ok + "Content-Length: +1\r\n\r\na", ok + "Content-Length: -1\r\n\r\na",
		ok + "Content-Length: 0x1\r\n\r\na", ok + "Content-Length: 1 1\r\n\r\na", ok + "Content-Length: 9999999999999999999\r\n\r\na", ok + "Content-Length: 5\r\n\r\nhell",
		ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", ok + "Transfer-Encoding:\r\n\r\n0\r\n\r\n",
		chunked(""), chunked("\r\n"), chunked("5\r\nhel"), chunked("5\r\nhello"), chunked("5\r\nhello\r"), chunked("5\r\nhello!\r\n0\r\n\r\n"), chunked("5\r\nhello!!0\r\n\r\n"), chunked("5\nhello\r\n0\r\n\r\n"), chunked("g\r\n"), chunked("-1\r\na\r\n0\r\n\r\n"),
		chunked("0x1\r\na\r\n0\r\n\r\n"), chunked(" 1\r\na\r\n0\r\n\r\n"), chunked("1 1\r\na\r\n0\r\n\r\n"), chunked("1;\x00\r\na\r\n0\r\n\r\n"), chunked("ffffffffffffffff\r\na"), chunked("1;" + strings.Repeat("e", 5000) + "\r\na\r\n0\r\n\r\n"),
		ok + "Trailer: A, Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ok + "Trailer: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		ok + "Trailer: trailer\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ok + "Trailer: A B\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ok + "Trailer: (\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		chunked(strings.Repeat("1;"+strings.Repeat("e", 1000)+"\r\na\r\n", 20) + "0\r\n\r\n"), chunked("0\r\n"), chunked("0\r\nno colon\r\n\r\n"), chunked("0\r\nX: \x00\r\n\r\n"), chunked("0\r\n" + strings.Repeat("X-A: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", 400) + "\r\n"),
	}
}

// What is no response as RFC 9112 wants it is none at all, and ends the connection.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, answer := range badResponses() {
		synctest.Test(t, func(t *testing.T) {
			got, free, err := exchanged(t, http.MethodGet, answer)
			_, malformed := errors.AsType[wire.FaultError](err)
			if !malformed && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%.80q is taken: %v, %v", answer, got, err)
			}
			if free {
				t.Errorf("%.80q: the connection can be used again", answer)
			}
		})
	}
}

// What of a body has come is not held back for what is still to come.
func TestPiecesComeAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		more := make(chan string)
		c, _ := open(t, func(conn net.Conn) {
			answering(ok + "Transfer-Encoding: chunked\r\n\r\n")(conn)
			for piece := range more {
				_, _ = io.WriteString(conn, piece)
			}
		})
		response, err := c.RoundTrip(get(t, http.MethodGet))
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 100)
		for _, row := range []struct{ sent, want string }{
			{"1\r\na\r\n", "a"}, {"1\r\nb\r\n2\r\ncd\r\n1", "bcd"}, {"\r\ne\r", "e"}, {"\n1\r\nf\r\n0\r\n", "f"},
		} {
			more <- row.sent
			if n, err := response.Body.Read(buffer); string(buffer[:n]) != row.want || err != nil {
				t.Errorf("of %q there is %q, %v; want %q", row.sent, buffer[:n], err, row.want)
			}
		}
		more <- "\r\n"
		if n, err := response.Body.Read(buffer); n != 0 || !errors.Is(err, io.EOF) || !c.Free() {
			t.Errorf("the end is %d, %v", n, err)
		}
		close(more)
	})
}

// Arrived is said of a body that can be read without waiting, and of no other.
func TestBodiesThatAreHere(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{
		ok + "Content-Length: 5\r\n\r\nhello":                        true,
		ok + "Content-Length: 5\r\n\r\nhell":                         false,
		ok + "Content-Length: 5000\r\n\r\nhello":                     false,
		ok + "\r\nhello":                                             false,
		ok + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n": false,
	} {
		c, _ := open(t, answering(answer))
		response, err := c.RoundTrip(get(t, "GET"))
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Body.(interface{ Arrived() bool }).Arrived(); got != want {
			t.Errorf("%q has arrived: %t", answer, got)
		}
		_ = response.Body.Close()
	}
}
