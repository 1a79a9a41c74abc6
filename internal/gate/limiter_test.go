package gate

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

func limit5(key, header string) routeconfig.RateLimit {
	return routeconfig.RateLimit{Name: "l", Requests: 10, Per: testkit.Span(time.Second), Burst: 5, Key: key, Header: header}
}

func keyOf(l *Limiter, call *fanout.Call) bucketKey {
	key, _, _ := (&counting{call: call}).key(l)
	return key
}

func TestBucketRefillsEvenly(t *testing.T) {
	t.Parallel()
	l := NewLimiter(limit5("", ""), nil)
	now := l.start
	for i := range 5 {
		if _, ok := l.allow(now, bucketKey{}); !ok {
			t.Fatalf("call %d of a burst of 5 was refused", i)
		}
	}
	s, ok := l.allow(now, bucketKey{})
	if ok || s.wait != 100*time.Millisecond {
		t.Errorf("beyond the burst: %v after %v, want a wait of 100 ms", ok, s.wait)
	}
	if _, ok := l.allow(now.Add(99*time.Millisecond), bucketKey{}); ok {
		t.Error("admitted 1 ms early")
	}
	if _, ok := l.allow(now.Add(100*time.Millisecond), bucketKey{}); !ok {
		t.Error("refused after the wait it had named")
	}
	admitted := 0
	for i := range 10_000 {
		if _, ok := l.allow(now.Add(time.Second+time.Duration(i)*time.Millisecond), bucketKey{}); ok {
			admitted++
		}
	}
	if admitted != 104 && admitted != 105 {
		t.Errorf("%d calls in 10 s, want 10 a second and the burst", admitted)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	byIP, byHeader := NewLimiter(limit5(routeconfig.KeyClientIP, ""), nil), NewLimiter(limit5(routeconfig.KeyHeader, "X-Tenant"), nil)
	same := func(a, b string) bool {
		return keyOf(byIP, &fanout.Call{Client: netip.MustParseAddr(a)}) == keyOf(byIP, &fanout.Call{Client: netip.MustParseAddr(b)})
	}
	if !same("2001:db8::1", "2001:db8::ffff") || same("2001:db8::1", "2001:db8:0:1::1") || same("1.1.1.1", "1.1.1.2") {
		t.Error("an IPv6 client does not count by its /64, or IPv4 clients count together")
	}
	tenant := func(values ...string) bucketKey {
		return keyOf(byHeader, &fanout.Call{Header: http.Header{"X-Tenant": values}})
	}
	if tenant("a", "b") != tenant("a") || tenant("a") == tenant("b") || tenant() != tenant("") {
		t.Error("the key is not the first value")
	}
}

// A flood of keys shares one bucket, and refreshes nobody's limit.
func TestFloodOfKeys(t *testing.T) {
	t.Parallel()
	l := NewLimiter(limit5(routeconfig.KeyHeader, "X-Tenant"), nil)
	now := l.start
	for range 5 {
		l.allow(now, l.hash("victim"))
	}
	admitted := 0
	for i := range maxKeys + maxKeys/4 { // so many fill every shard
		if _, ok := l.allow(now, l.hash(fmt.Sprint("flood-", i))); ok {
			admitted++
		}
	}
	if _, ok := l.allow(now, l.hash("victim")); ok {
		t.Error("a flood of keys gave a caller a fresh bucket")
	}
	held := 0
	for i := range l.shards {
		held += len(l.shards[i].full)
	}
	if held > maxKeys || admitted > maxKeys+5 {
		t.Errorf("%d buckets held, %d calls admitted, want at most %d", held, admitted, maxKeys)
	}
	for i := range 10 * l.config.Burst { // more than the bucket of those without room holds
		if _, ok := l.allow(now.Add(time.Minute), l.hash(fmt.Sprint("new-", i))); !ok {
			t.Errorf("no room was made for key %d when all buckets were full again", i)
		}
	}
}

// K2: of what a client sent as its key nothing is kept, however long it is.
func TestK2LongKeysKeepNoMemory(t *testing.T) {
	// Not parallel: other tests' memory would be measured too.
	l := NewLimiter(limit5(routeconfig.KeyHeader, "X-Tenant"), nil)
	const keys, size = 200, 60_000
	before := heap()
	for i := range keys {
		value := fmt.Sprintf("%0*d", size, i)
		l.allow(l.start, keyOf(l, &fanout.Call{Header: http.Header{"X-Tenant": {value}}}))
	}
	if kept := heap() - before; kept > 2<<20 {
		t.Errorf("%d keys of %d bytes keep %d bytes", keys, size, kept)
	}
	runtime.KeepAlive(l)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// K6: at each edge of the schema the burst is admitted, to the call, and after the wait
// that a refusal names there is one more.
func TestK6EdgesOfLimits(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, row := range []struct {
		requests int
		per      time.Duration
		burst    int
	}{
		{1, time.Millisecond, 1}, {1, day, 1}, {1, day, 106_751}, {1, day, 106_752}, {1, day, 1_000_000},
		{1_000_000, time.Millisecond, 1}, {1_000_000, time.Millisecond, 1_000_000}, {1_000_000, day, 1}, {999_999, day, 2},
	} {
		l := NewLimiter(routeconfig.RateLimit{Requests: row.requests, Per: testkit.Span(row.per), Burst: row.burst}, nil)
		now, admitted := l.start.Add(365*day+7), 0
		for admitted <= row.burst {
			if _, ok := l.allow(now, bucketKey{}); !ok {
				break
			}
			admitted++
		}
		s, _ := l.allow(now, bucketKey{})
		wait := s.wait
		if admitted != row.burst || wait != l.interval {
			t.Errorf("%+v: %d calls at once, then a wait of %v, want %d and %v", row, admitted, wait, row.burst, l.interval)
		}
		if _, ok := l.allow(now.Add(wait-1), bucketKey{}); ok {
			t.Errorf("%+v: admitted before the wait was over", row)
		}
		if _, ok := l.allow(now.Add(wait), bucketKey{}); !ok {
			t.Errorf("%+v: refused after the wait", row)
		}
	}
}
