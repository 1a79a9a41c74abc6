package dial

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// questions is a name server that knows nothing but keeps what it is asked.
type questions struct {
	net.PacketConn

	mu    sync.Mutex
	names []string
}

func newQuestions(t *testing.T) (*questions, *net.Resolver) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	q := &questions{PacketConn: conn}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer, err := q.answer(buffer[:n]); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return q, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (q *questions) answer(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	q.mu.Lock()
	q.names = append(q.names, m.Questions[0].Name.String())
	q.mu.Unlock()
	m.Response, m.RCode, m.Additionals = true, dnsmessage.RCodeNameError, nil
	return m.Pack()
}

// M1: what goes to the name server is the absolute name and nothing else; what a flag
// resolves is dialled as it is.
func TestM1QuestionsToTheNameServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	q, resolver := newQuestions(t)
	d := New(Options{
		AllowLoopback: true, Resolver: resolver, ClusterDomain: "cluster.example",
		Resolve: map[string]string{"orders.shop.svc:80": listener.Addr().String()},
	})
	for host, want := range map[string]string{
		"api.shop.svc": "api.shop.svc.cluster.example.", "api.lab": "api.lab.", "a.b.example.com": "a.b.example.com.", "api": "api.", "api.lab.svc.": "api.lab.svc.",
	} {
		q.mu.Lock()
		q.names = nil
		q.mu.Unlock()
		if _, err := d.Dial(t.Context(), host+":80"); err == nil {
			t.Fatalf("%s: there is something", host)
		}
		q.mu.Lock()
		asked := slices.Compact(slices.Sorted(slices.Values(q.names)))
		q.mu.Unlock()
		if !slices.Equal(asked, []string{want}) {
			t.Errorf("for %s the name server is asked %q, want %s alone", host, asked, want)
		}
	}
	conn, err := d.Dial(t.Context(), "orders.shop.svc:80")
	if err != nil {
		t.Fatalf("what --resolve names: %v", err)
	}
	_ = conn.Close()
	if conn, err = d.Dial(t.Context(), fmt.Sprintf("localhost:%d", listener.Addr().(*net.TCPAddr).Port)); err != nil {
		t.Fatalf("localhost: %v", err)
	}
	_ = conn.Close()
}
