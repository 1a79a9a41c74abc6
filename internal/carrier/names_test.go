package carrier_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// open counts the connections of a server that are there, by its address.
type open struct {
	mu sync.Mutex
	n  map[string]int
}

func (o *open) changed(conn net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	switch state {
	case http.StateNew:
		o.n[host]++
	case http.StateClosed:
		o.n[host]--
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
}

func (o *open) at(host string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n[host]
}

// Where the addresses of a name have changed, new requests go to the new ones, and every
// connection to an old one is given up: what was idle then at once, and what was in use
// once its request has ended.
func TestConnectionsToOldAddressesAreGivenUp(t *testing.T) {
	t.Parallel()
	release, held := make(chan struct{}), make(chan struct{}, 1)
	connections := &open{n: map[string]int{}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Keep-Alive", "timeout=60") // nothing is given up for its age
		if r.Method == http.MethodPut {
			held <- struct{}{}
			<-release
		}
		host, _, _ := net.SplitHostPort(r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
		_, _ = w.Write([]byte(host))
	})
	server := &http.Server{Handler: handler, ConnState: connections.changed, ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { _ = server.Close() })
	port := "0"
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Skip(err) // the second address, or its port, is not to be had here
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		go func() { _ = server.Serve(l) }()
	}
	var address atomic.Pointer[[4]byte]
	address.Store(&[4]byte{127, 0, 0, 1})
	resolver := testkit.NameServer(t, func(q dnsmessage.Question, m *dnsmessage.Message) { testkit.PointTo(q, m, *address.Load()) })
	c := carrier.New(carrier.Options{
		Base:   &url.URL{Scheme: "http", Host: "api.example.com:" + port},
		Dialer: dial.New(dial.Options{AllowLoopback: true, Resolver: resolver, LookupEvery: time.Millisecond}),
	})
	t.Cleanup(c.Close)
	ask := func(method string) (address string, err error) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://api.example.com:"+port+"/", http.NoBody)
		if err != nil {
			return "", err
		}
		response, err := c.RoundTrip(r)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	answered := func(want string) func() bool {
		return func() bool {
			address, err := ask(http.MethodGet)
			if err != nil {
				t.Fatal(err)
			}
			return address == want
		}
	}
	testkit.Eventually(t, "the name is known", answered("127.0.0.1"))
	time.Sleep(10 * time.Millisecond)
	answered("127.0.0.1")()
	type answer struct {
		address string
		err     error
	}
	put := make(chan answer)
	go func() {
		address, err := ask(http.MethodPut)
		put <- answer{address, err}
	}()
	<-held
	answered("127.0.0.1")() // beside the request that is held there is a connection that is idle
	address.Store(&[4]byte{127, 0, 0, 2})
	testkit.Eventually(t, "requests go to the new address", answered("127.0.0.2"))
	testkit.Eventually(t, "what was idle is given up", func() bool { return answered("127.0.0.2")() && connections.at("127.0.0.1") == 1 })
	close(release)
	if a := <-put; a.err != nil || a.address != "127.0.0.1" {
		t.Errorf("the request that was under way was answered by %q, %v", a.address, a.err)
	}
	testkit.Eventually(t, "what was in use is given up", func() bool { return answered("127.0.0.2")() && connections.at("127.0.0.1") == 0 })
}

// A name that stays where it is keeps its connection however often it is looked up, and so
// does one that cannot be looked up any more.
func TestNamesThatDoNotMoveKeepTheirConnection(t *testing.T) {
	t.Parallel()
	var made, asked atomic.Int32
	var silent atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Keep-Alive", "timeout=60") // nothing is given up for its age
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	resolver := testkit.NameServer(t, func(q dnsmessage.Question, m *dnsmessage.Message) {
		asked.Add(1)
		if silent.Load() {
			m.RCode = dnsmessage.RCodeServerFailure
			return
		}
		testkit.PointTo(q, m, [4]byte{127, 0, 0, 1})
	})
	address := net.JoinHostPort("api.example.com", strconv.Itoa(server.Listener.Addr().(*net.TCPAddr).Port))
	c := carrier.New(carrier.Options{
		Base:   &url.URL{Scheme: "http", Host: address},
		Dialer: dial.New(dial.Options{AllowLoopback: true, Resolver: resolver, LookupEvery: time.Millisecond}),
	})
	t.Cleanup(c.Close)
	for _, failing := range []bool{false, true} {
		silent.Store(failing)
		asked.Store(0)
		testkit.Eventually(t, "the name is looked up again and again", func() bool {
			if _, err := get(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			return asked.Load() >= 16 // a lookup asks for two kinds of addresses, twice at most
		})
		if made.Load() != 1 {
			t.Errorf("%d connections were made, lookups fail: %v", made.Load(), failing)
		}
	}
}
