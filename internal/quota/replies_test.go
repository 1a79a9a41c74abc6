package quota

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// relay stands before a server, and adds to each but the first of what that sends on a
// connection.
type relay struct {
	address string
	added   atomic.Pointer[string]
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: l.Addr().String()}
	r.add("")
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(ctx, conn, to)
		}
	}()
	return r
}

func (r *relay) add(bytes string) { r.added.Store(&bytes) }

func (r *relay) serve(ctx context.Context, client net.Conn, to string) {
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		_ = client.Close()
		return
	}
	end := func() { _, _ = client.Close(), server.Close() }
	defer context.AfterFunc(ctx, end)()
	defer end()
	go func() {
		defer end()
		_, _ = io.Copy(server, client)
	}()
	b := make([]byte, 1<<16)
	for first := true; ; first = false {
		n, err := server.Read(b)
		if err != nil {
			return
		}
		sent := b[:n]
		if !first {
			sent = append(sent, *r.added.Load()...)
		}
		if _, err := client.Write(sent); err != nil {
			return
		}
	}
}

// disorders are bytes that no server of ours sends, by what is told of them.
func disorders() map[string]disorder {
	return map[string]disorder{
		"+" + strings.Repeat("a", 2<<20):   excessive,
		"HTTP/1.1 400 Bad Request\r\n\r\n": malformed,
	}
}

func TestDisorderlyStoresAreLeftAlone(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t)
	for _, topology := range []string{routeconfig.TopologyStandalone, routeconfig.TopologySentinel} {
		address := redis.Address
		if topology == routeconfig.TopologySentinel {
			address = sentinelOf(t, redis).Address
		}
		relay := newRelay(t, address)
		r := route(connected(t, settings(relay.address, func(c *routeconfig.RateLimitStore) {
			if c.Topology = topology; topology == routeconfig.TopologySentinel {
				c.Master = "orders"
			}
		})))
		for bytes, want := range disorders() {
			relay.add(bytes)
			soon(t, func() bool {
				_ = r.Take(t.Context(), []Charge{hourly("few", 1)}, make([]Verdict, 1))
				return r.store.Fault() == want.Error()
			}, func() string { return topology + ": after " + bytes[:min(len(bytes), 40)] + ": " + r.store.Fault() })
			relay.add("")
			soon(t, func() bool { r.store.poke(); return r.store.Fault() == "" }, r.store.Fault)
		}
		soon(t, func() bool { return r.Take(t.Context(), []Charge{hourly("few", 1)}, make([]Verdict, 1)) == nil }, r.store.Fault)
	}
}

// An exchange is a line of requests and replies: what begins with > is sent, what begins with
// < received, the fields of both being lines.
func TestExchanges(t *testing.T) {
	t.Parallel()
	const (
		subscribe    = "> *3 $9 SUBSCRIBE $1 a $1 b"
		unsubscribe  = "> *2 $11 UNSUBSCRIBE $1 a > *1 $4 PING"
		ping         = "> *1 $4 PING"
		confirmed    = " < >3 +subscribe +a :1"
		ended        = " < >3 +unsubscribe +a :0"
		role, master = "> *1 $4 ROLE", "> *3 $8 SENTINEL $23 GET-MASTER-ADDR-BY-NAME $1 a"
		message      = "< >3 +message +a +a_b_c_d "
	)
	for _, line := range []string{
		ping + " < +PONG", ping + " < $-1", ping + " < >1 +unknown < +PONG", "> *2 $5 HELLO $1 3 < %1 +proto :3",
		role + " < *1 +master", role + " < *-1", role + " < -NOPERM", master + " < *2 +a +1", master + " < *-1",
		ping + " < -MOVED_1_a:1", ping + " < -ERR_ASK_1_a:1", subscribe + confirmed + confirmed, subscribe + " < -NOPERM", ended,
		unsubscribe + ended + " < +PONG", unsubscribe + " < -NOPERM < +PONG", unsubscribe + " " + ping + " < -NOPERM < +PONG < +a",
		"< >3 +message ++switch-master +a_b_c_d_e", "< >3 +message ++sentinel +a_b_c_d", strings.Repeat(message, maxMessages),
		strings.Repeat(message, maxMessages) + subscribe + confirmed + confirmed + " " + message,
	} {
		if err := exchanged(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if exchanged(line+" < +a") == nil { // nobody waits for another one
			t.Errorf("%s: one reply more is taken", line)
		}
	}
	for line, want := range map[string]error{"> *2 $5 HELLO $1 2": malformed, strings.Repeat(message, maxMessages+1): errCrowded} {
		if err := exchanged(line); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", line, err, want)
		}
	}
}

// exchanged is what an exchange says to a line.
func exchanged(line string) error {
	var e exchange
	pass := e.write
	for field := range strings.FieldsSeq(line) {
		switch field {
		case ">":
			pass = e.write
			continue
		case "<":
			pass = e.read
			continue
		}
		if err := pass([]byte(strings.ReplaceAll(field, "_", " ") + "\r\n")); err != nil {
			return err
		}
	}
	return nil
}
