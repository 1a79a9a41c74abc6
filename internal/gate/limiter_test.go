package gate

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func limit5(key, header string) routeconfig.RateLimit {
	return routeconfig.RateLimit{Name: "l", Requests: 10, Per: testkit.Span(time.Second), Burst: 5, Key: key, Header: header}
}

func TestBucketRefillsEvenly(t *testing.T) {
	t.Parallel()
	l, now := NewLimiter(limit5("", "")), time.Unix(1000, 0)
	for i := range 5 {
		if _, ok := l.allow(now, ""); !ok {
			t.Fatalf("call %d of a burst of 5 was refused", i)
		}
	}
	wait, ok := l.allow(now, "")
	if ok || wait != 100*time.Millisecond {
		t.Errorf("beyond the burst: %v after %v, want a wait of 100 ms", ok, wait)
	}
	if _, ok := l.allow(now.Add(99*time.Millisecond), ""); ok {
		t.Error("admitted 1 ms early")
	}
	if _, ok := l.allow(now.Add(100*time.Millisecond), ""); !ok {
		t.Error("refused after the wait it had named")
	}
	admitted := 0
	for i := range 10_000 {
		if _, ok := l.allow(now.Add(time.Second+time.Duration(i)*time.Millisecond), ""); ok {
			admitted++
		}
	}
	if admitted != 104 && admitted != 105 {
		t.Errorf("%d calls in 10 s, want 10 a second and the burst", admitted)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	byIP, byHeader := NewLimiter(limit5(routeconfig.KeyClientIP, "")), NewLimiter(limit5(routeconfig.KeyHeader, "X-Tenant"))
	same := func(a, b string) bool {
		return byIP.key(nil, netip.MustParseAddr(a)) == byIP.key(nil, netip.MustParseAddr(b))
	}
	if !same("2001:db8::1", "2001:db8::ffff") || same("2001:db8::1", "2001:db8:0:1::1") || same("1.1.1.1", "1.1.1.2") {
		t.Error("an IPv6 client does not count by its /64, or IPv4 clients count together")
	}
	if got := byHeader.key(http.Header{"X-Tenant": {"a", "b"}}, netip.Addr{}); got != "a" {
		t.Errorf("key is %q, want the first value", got)
	}
}

// A flood of keys shares one bucket, and refreshes nobody's limit.
func TestFloodOfKeys(t *testing.T) {
	t.Parallel()
	l, now := NewLimiter(limit5(routeconfig.KeyHeader, "X-Tenant")), time.Unix(1000, 0)
	for range 5 {
		l.allow(now, "victim")
	}
	admitted := 0
	for i := range 2 * maxKeys {
		if _, ok := l.allow(now, fmt.Sprint("flood-", i)); ok {
			admitted++
		}
	}
	if _, ok := l.allow(now, "victim"); ok {
		t.Error("a flood of keys gave a caller a fresh bucket")
	}
	held := 0
	for i := range l.shards {
		held += len(l.shards[i].full)
	}
	if held > maxKeys || admitted > maxKeys+5 {
		t.Errorf("%d buckets held, %d calls admitted, want at most %d", held, admitted, maxKeys)
	}
	if _, ok := l.allow(now.Add(time.Minute), "new"); !ok {
		t.Error("no room was made when all buckets were full again")
	}
}
