package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// rawBackend answers each request with the same bytes.
func rawBackend(t *testing.T, response string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r := bufio.NewReader(conn)
				for {
					request, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					if _, err := io.WriteString(conn, response); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// exchangeRaw sends bytes to a route and returns the responses to them.
func exchangeRaw(t *testing.T, p *proxytest.Proxy, request string, n int) []*http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address("orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	var list []*http.Response
	for range n {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		response.Body = io.NopCloser(strings.NewReader(string(body)))
		list = append(list, response)
	}
	return list
}

// Case C6 of the field.
func TestC6InterimResponsesAreDropped(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		url := rawBackend(t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nLink: </a>\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: X-Own\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\n{}")
		for _, kind := range []string{"Envelope", "First"} {
			p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", url)), response(kind)))
			for _, r := range exchangeRaw(t, p, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2), 2) {
				if r.StatusCode != 200 || r.Header.Get("Link") != "" || r.Header.Get("X-Hop") != "" || r.Header.Get("X-Own") != "" {
					t.Errorf("%s: %d %v", kind, r.StatusCode, r.Header)
				}
			}
		}
	})
}

// Case C7 of the field.
func TestC7UpgradeNeverPasses(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		b := testkit.NewBackend(t, nil)
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", b.URL))))
		for _, fields := range []string{
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
			"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
			"Upgrade: h2c\r\n",
		} {
			r := exchangeRaw(t, p, "GET / HTTP/1.1\r\nHost: x\r\n"+fields+"\r\n", 1)[0]
			got := b.Last(t).Header
			if r.StatusCode != 200 || got.Get("Upgrade") != "" || got.Get("Http2-Settings") != "" || got.Get("Connection") != "" {
				t.Errorf("%q: %d, the backend got %v", fields, r.StatusCode, got)
			}
		}
	})
}

// Case C10 of the field.
func TestC10ContinueIsAnsweredHere(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		patient := testkit.NewBackend(t, nil)
		hasty := rawBackendThatAnswersEarly(t)
		p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(
			testkit.Receiver("patient", patient.URL), testkit.Receiver("hasty", hasty)), policy("BestEffort", 0)))
		body := strings.Repeat("x", 900_000)
		for range 3 {
			conn, err := net.Dial("tcp", p.Address("orders"))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			reader := bufio.NewReader(conn)
			_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
			if line, err := reader.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
				t.Fatalf("%q, %v; want to be told to go on", line, err)
			}
			_, _ = reader.ReadString('\n')
			_, _ = io.WriteString(conn, body)
			r, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != 207 || !strings.Contains(string(got), `"hasty":{"outcome":"failed"`) {
				t.Errorf("%d %.200s, %v", r.StatusCode, got, err)
			}
			_ = conn.Close()
			if last := patient.Last(t); len(last.Body) != len(body) || last.Header.Get("Expect") != "" {
				t.Errorf("the patient backend got %d bytes, Expect %q", len(last.Body), last.Header.Get("Expect"))
			}
		}
		// One that is refused is not told to go on.
		r := exchangeRaw(t, p, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n", 1)[0]
		if r.StatusCode != 413 {
			t.Errorf("a body too large: %d", r.StatusCode)
		}
	})
}

// rawBackendThatAnswersEarly answers 403 as soon as a byte has come, and closes.
func rawBackendThatAnswersEarly(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}
