package proxy_test

import (
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

// A status that HTTP does not have is none, and nothing of it reaches a client.
func TestOddStatuses(t *testing.T) {
	proxytest.OverBoth(t, func(t *testing.T, o proxy.Options) {
		for _, status := range []int{0, 99, 101, 600, 999} {
			url := rawBackend(t, fmt.Sprintf("HTTP/1.1 %03d Odd\r\nContent-Length: 2\r\n\r\n{}", status))
			for _, kind := range []string{"Envelope", "First"} {
				p := proxytest.Serve(t, o, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", url)), response(kind)))
				r := p.Do("POST", "orders", "/", "{}")
				if r.Status != 502 || !strings.Contains(r.Header.Get("Fanout-Backends"), "outcome=failed;reason=reset") {
					t.Errorf("%d, %s: %d %s", status, kind, r.Status, r.Header.Get("Fanout-Backends"))
				}
			}
		}
	})
}

// A client that closes its half of the connection has left (RFC 9112, section 9.6), and
// reads no response that is none.
func TestHalfClosedClientReadsNoEmptyResponse(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	slow := testkit.NewBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	p := proxytest.Serve(t, proxy.Options{}, testkit.Route("orders", testkit.Receivers(testkit.Receiver("one", slow.URL))))
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{}", // and never the rest
	} {
		conn, err := net.Dial("tcp", p.Address("orders"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(request, "GET") {
			testkit.Eventually(t, "the backend has it", func() bool { return slow.Count() == 1 })
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
			t.Errorf("%.20q: the client reads %q, %v", request, got, err)
		}
	}
	testkit.Eventually(t, "it is told apart", func() bool { return p.Calls("orders").ClientClosed == 1 })
}
