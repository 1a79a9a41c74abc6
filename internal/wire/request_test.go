package wire_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a server gets is the request, whatever its size.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 16<<10 - 1, 16 << 10, 16<<10 + 1, 1 << 20} {
		for _, method := range []string{"GET", "POST", "PUT", "X-ODD"} {
			type request struct {
				Method, Target, Host string
				Fields               http.Header
				Length               int64
				Body                 int
			}
			got := make(chan request, 1)
			content := bytes.Repeat([]byte("x"), size)
			c, _ := open(t, func(conn net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				body, _ := io.ReadAll(r.Body)
				if !bytes.Equal(body, content) {
					body = nil
				}
				got <- request{r.Method, r.RequestURI, r.Host, r.Header, r.ContentLength, len(body)}
				_, _ = io.WriteString(conn, ok+"Content-Length: 0\r\n\r\n")
			})
			r := get(t, method)
			r.URL.Opaque, r.URL.RawQuery = "/a%2Fb;c", "d=%20&e"
			r.Host = "other.example.com:81"
			r.Header = http.Header{"X-A": {" 1", "2\t"}, "User-Agent": nil, "Host": {"x"}, "Content-Length": {"99"}, "Transfer-Encoding": {"x"}, "Trailer": {"x"}}
			r.Header["host"], r.Header["content-length"], r.Header["TRANSFER-ENCODING"], r.Header["trailer"] = []string{"x"}, []string{"1"}, []string{"chunked"}, []string{"x"}
			if size > 0 {
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(size)
			}
			if _, err := c.RoundTrip(r); err != nil {
				t.Fatalf("%s of %d bytes: %v", method, size, err)
			}
			fields := http.Header{"X-A": {"1", "2"}}
			if size > 0 || method == "POST" || method == "PUT" {
				fields.Set("Content-Length", itoa(size))
			}
			if diff := cmp.Diff(request{method, "/a%2Fb;c?d=%20&e", "other.example.com:81", fields, int64(size), size}, <-got); diff != "" {
				t.Errorf("%s of %d bytes:\n%s", method, size, diff)
			}
		}
	}
}

// What cannot be sent is refused before a byte is written, and the connection is as good as it was.
func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*http.Request){
		"a body without a length":        func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("x")) },
		"a length of -1":                 func(r *http.Request) { r.ContentLength = -1 },
		"a field with a line break":      func(r *http.Request) { r.Header.Set("X-A", "secret\r\nX-B: c") },
		"a field whose name has a colon": func(r *http.Request) { r.Header["X:A"] = []string{"secret"} },
		"a target with a space":          func(r *http.Request) { r.URL.Opaque = "/a b" },
		"a target with a line break":     func(r *http.Request) { r.URL.RawQuery = "a\r\nb" },
		"a method with a space":          func(r *http.Request) { r.Method = "GET /" },
		"a Host with a line break":       func(r *http.Request) { r.Host = "a\r\nb" },
		"a body that is shorter":         func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 2 },
		"a body that is longer":          func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("xxx")), 2 },
		"a context that is over by then": nil,
		"a body that fails in the middle": func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("x"), failing{})), 2
		},
	} {
		heard := make(chan int64, 1)
		c, _ := open(t, func(conn net.Conn) {
			n, _ := io.Copy(io.Discard, conn)
			heard <- n
		})
		r := get(t, http.MethodPost)
		if change == nil {
			r = r.WithContext(over())
		} else {
			change(r)
		}
		response, err := c.RoundTrip(r)
		if err == nil {
			_ = response.Body.Close()
			t.Errorf("%s is sent", name)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if !c.Free() {
			t.Errorf("%s: the connection is given up", name)
		}
		_ = c.Close()
		if n := <-heard; n > 0 {
			t.Errorf("%s: %d bytes are sent", name, n)
		}
	}
}
