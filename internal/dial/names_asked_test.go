package dial

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/fanout-operator/fanout/internal/testkit"
)

// M1: what goes to the name server is the absolute name and nothing else; what a flag
// resolves is dialled as it is.
func TestM1QuestionsToTheNameServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var mu sync.Mutex
	var names []string
	resolver := testkit.NameServer(t, func(q dnsmessage.Question, m *dnsmessage.Message) { // it knows nothing
		mu.Lock()
		defer mu.Unlock()
		names = append(names, q.Name.String())
		m.RCode = dnsmessage.RCodeNameError
	})
	d := New(Options{
		AllowLoopback: true, Resolver: resolver, ClusterDomain: "cluster.example",
		Resolve: map[string]string{"orders.shop.svc:80": listener.Addr().String()},
	})
	for host, want := range map[string]string{
		"api.shop.svc": "api.shop.svc.cluster.example.", "api.lab": "api.lab.", "a.b.example.com": "a.b.example.com.", "api": "api.", "api.lab.svc.": "api.lab.svc.",
	} {
		mu.Lock()
		names = nil
		mu.Unlock()
		if _, err := d.Dial(t.Context(), host+":80"); err == nil {
			t.Fatalf("%s: there is something", host)
		}
		mu.Lock()
		asked := slices.Compact(slices.Sorted(slices.Values(names)))
		mu.Unlock()
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
