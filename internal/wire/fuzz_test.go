package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// understood is everything that a reader makes of a response.
type understood struct {
	Status, Proto string
	Code          int
	Fields        http.Header
	Length        int64
	Codings       []string
	Closes        bool
	Body          string
	Trailer       http.Header
}

func understand(r *http.Response) (u understood, err error) {
	u = understood{
		Status: r.Status, Proto: r.Proto, Code: r.StatusCode, Fields: r.Header, Length: r.ContentLength, Codings: r.TransferEncoding, Closes: r.Close,
	}
	body, err := io.ReadAll(r.Body)
	u.Body, u.Trailer = string(body), r.Trailer
	_ = r.Body.Close()
	return u, err
}

// ours has a response read that comes in the pieces that seed makes of it, 0 for one. There may
// be a head where there is an error: what follows it was none.
func ours(t *testing.T, method, answer string, seed uint64) (u understood, head, free bool, err error) {
	t.Helper()
	c, _ := open(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		random := rand.New(rand.NewPCG(seed, 1))
		for rest := answer; rest != "" && err == nil; {
			n := len(rest)
			if seed > 0 {
				n = min(n, 1+random.IntN(1<<random.IntN(7)))
			}
			_, err = io.WriteString(conn, rest[:n])
			rest = rest[n:]
		}
	})
	response, err := c.RoundTrip(get(t, method))
	if err != nil {
		return u, false, c.Free(), err
	}
	u, err = understand(response)
	return u, true, c.Free(), err
}

// framed reports whether a field speaks of framing, or of whom a request is for.
func framed(name string) bool {
	return slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"}, name)
}

// theirs has it read by net/http, past interim responses as its Transport does.
func theirs(in *bufio.Reader, method string) (understood, error) {
	for {
		response, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return understood{}, err
		}
		if response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		u, err := understand(response)
		for name := range u.Trailer {
			if framed(name) { // which come too late there: ours drops them
				delete(u.Trailer, name)
			}
		}
		return u, err
	}
}

// Whatever is taken net/http takes, too, and understands it alike: the head, where the body ends
// and how, its trailers, and whether the connection may be used again. Of a body that is none in
// the end, what was passed on before is what net/http passes on. How the bytes come in pieces
// makes no difference.
func FuzzResponse(f *testing.F) {
	for _, row := range goodResponses() {
		f.Add(row.method, row.answer, uint64(1))
	}
	for _, answer := range badResponses() {
		f.Add(http.MethodGet, answer, uint64(2))
		f.Add(http.MethodPost, strings.Replace(answer, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1), uint64(3))
	}
	f.Fuzz(func(t *testing.T, method, answer string, seed uint64) {
		if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost}, method) {
			return
		}
		got, head, free, err := ours(t, method, answer, 0)
		again, headAgain, freeAgain, errAgain := ours(t, method, answer, max(1, seed))
		if diff := cmp.Diff(got, again, cmpopts.EquateEmpty()); diff != "" || head != headAgain || (err == nil) != (errAgain == nil) {
			t.Errorf("in pieces: %v and %v\n%s", err, errAgain, diff)
		}
		if err != nil && (free || freeAgain) {
			t.Errorf("the connection is used again after %v", err)
		}
		if !head {
			return
		}
		in := bufio.NewReader(strings.NewReader(answer))
		want, foreign := theirs(in, method)
		if err != nil {
			if len(want.Body) < len(got.Body) {
				t.Errorf("%d bytes are passed on, net/http has %d and says %v", len(got.Body), len(want.Body), foreign)
			}
			// Nobody reads the trailers of a body that has failed.
			foreign, want.Body, want.Trailer, got.Trailer = nil, want.Body[:min(len(want.Body), len(got.Body))], nil, nil
		}
		if got.Closes { // net/http takes the field away, with the names of others that it holds
			delete(got.Fields, "Connection")
			delete(want.Fields, "Connection")
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || foreign != nil {
			t.Errorf("net/http: %v\n%s", foreign, diff)
		}
		if rest, _ := io.ReadAll(in); free && (len(rest) > 0 || want.Closes) {
			t.Errorf("the connection is used again with %q on it; net/http closes it: %v", rest, want.Closes)
		}
	})
}

// Whatever is sent net/http reads as one request, and as the one that was to be sent.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "a%2Fb;c?d=%20&e", "other.example.com:81", "X-A", " 1\t", []byte("content"))
	f.Add("GET", "", "[::1]", "connection", "close", []byte{})
	f.Add("X-ODD", "\r\nX: y", "a b", "X:A", "a\r\nb", []byte("0\r\n\r\n"))
	f.Add("PUT", "x", "a", "transfer-encoding", "chunked", bytes.Repeat([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 1000))
	f.Fuzz(func(t *testing.T, method, target, host, name, value string, body []byte) {
		if u, err := url.ParseRequestURI("/" + target); err != nil || u.Host != "" || strings.HasPrefix(target, "/") || host == "" {
			return // nobody is asked for such a one, see package outgoing
		}
		heard := make(chan *http.Request, 1)
		c, _ := open(t, func(conn net.Conn) {
			defer close(heard)
			if r := hear(t, conn); r != nil {
				heard <- r
				go func() { _, _ = io.Copy(io.Discard, conn) }() // nothing is left, or the writer would wait for ever
				_, _ = io.WriteString(conn, ok+"Content-Length: 0\r\n\r\n")
			}
		})
		r := get(t, http.MethodGet)
		r.Method, r.Host, r.URL = method, host, &url.URL{Scheme: "http", Host: "server", Opaque: "/" + target}
		r.Header = http.Header{name: {value}, "User-Agent": {"x"}}
		if r.Body = http.NoBody; len(body) > 0 {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		if _, err := c.RoundTrip(r); err != nil {
			if !c.Free() {
				t.Errorf("something of what cannot be sent was: %v", err)
			}
			return
		}
		judgeHeard(t, <-heard, r, body)
	})
}

// hear reads a request by net/http, with its body.
func hear(t *testing.T, conn net.Conn) *http.Request {
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("net/http reads no request: %v", err)
		}
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || in.Buffered() > 0 {
		t.Errorf("net/http reads %d bytes, %v; then there are %d more", len(body), err, in.Buffered())
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

func judgeHeard(t *testing.T, got, sent *http.Request, body []byte) {
	t.Helper()
	if got == nil {
		t.Error("it is no request to net/http")
		return
	}
	content, _ := io.ReadAll(got.Body)
	if got.Method != sent.Method || got.RequestURI != sent.URL.Opaque || !bytes.Equal(content, body) || got.ContentLength != int64(len(body)) || len(got.TransferEncoding) > 0 {
		t.Errorf("%s %s of %d bytes, announced %d %v", got.Method, got.RequestURI, len(content), got.ContentLength, got.TransferEncoding)
	}
	want := http.Header{}
	for name, values := range sent.Header {
		if name = http.CanonicalHeaderKey(name); !framed(name) {
			want[name] = append(want[name], strings.Trim(values[0], " \t"))
		}
	}
	delete(got.Header, "Content-Length")
	slices.Sort(want["User-Agent"])
	slices.Sort(got.Header["User-Agent"])
	if diff := cmp.Diff(want, got.Header, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}
