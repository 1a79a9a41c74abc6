package quota

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/dial"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// settings are those of a store on loopback, with a budget that a loaded machine keeps.
func settings(address string, modify ...func(*routeconfig.RateLimitStore)) *routeconfig.RateLimitStore {
	c := &routeconfig.RateLimitStore{
		Addresses: []string{address}, Topology: routeconfig.TopologyStandalone, Prefix: "fanout:", Timeout: testkit.Span(time.Second), Proxies: 1,
	}
	for _, m := range modify {
		m(c)
	}
	return c
}

// unheard opens a store that may not answer.
func unheard(t *testing.T, secrets *testkit.Secrets, c *routeconfig.RateLimitStore, o dial.Options) *Store {
	t.Helper()
	s := New(Options{
		Config: c, Namespace: testkit.Namespace, Credentials: creds.NewStore(creds.Options{Tree: os.DirFS(secrets.Dir)}), Dialer: dial.New(o),
	})
	t.Cleanup(s.Close)
	return s
}

// connected opens a store and waits until it answers.
func connected(t *testing.T, c *routeconfig.RateLimitStore) *Store {
	t.Helper()
	s := unheard(t, testkit.NewSecrets(t), c, dial.Options{AllowLoopback: true})
	answers(t, s)
	return s
}

// soon waits until a condition holds, at most 30 s.
func soon(t *testing.T, holds func() bool, what func() string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what())
		}
	}
}

func answers(t *testing.T, s *Store) {
	t.Helper()
	soon(t, func() bool { return s.Fault() == "" }, func() string { return "the store does not answer: " + s.Fault() })
}

func route(s *Store) *Route { return s.Route(testkit.Namespace, "orders", 1) }

// hourly is a charge of a bucket of so many calls an hour.
func hourly(bucket string, calls int) Charge {
	c := Charge{Bucket: bucket, Interval: Even(calls, time.Hour), Burst: calls}
	c.Together()
	return c
}

func takes(t *testing.T, r *Route, charges ...Charge) []Verdict {
	t.Helper()
	into := make([]Verdict, len(charges))
	if err := r.Take(t.Context(), charges, into); err != nil {
		t.Fatalf("take: %v (%s)", err, r.store.Fault())
	}
	return into
}

func TestProxiesCountTogether(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t)
	one, two := route(connected(t, settings(redis.Address))), route(connected(t, settings(redis.Address)))
	for i := range 6 {
		r := one
		if i%2 == 1 {
			r = two
		}
		v := takes(t, r, hourly("few", 4))[0]
		if v.Admitted != (i < 4) || v.Left != max(3-i, 0) {
			t.Errorf("call %d: %+v", i, v)
		}
		if i >= 4 && (v.Wait < 14*time.Minute || v.Wait > 15*time.Minute || v.Full < 59*time.Minute || v.Full > time.Hour) {
			t.Errorf("call %d: a wait of %v, full after %v", i, v.Wait, v.Full)
		}
	}
	if v := takes(t, one, hourly("other", 4))[0]; !v.Admitted {
		t.Error("another bucket is empty, too")
	}
	if v := takes(t, one.store.Route(testkit.Namespace, "other", 1), hourly("few", 4))[0]; !v.Admitted {
		t.Error("the bucket of another route is empty, too")
	}
	soon(t, func() bool { one.store.poke(); return one.Proxies() == 2 }, func() string { return "the proxies do not know of each other" })
}

// poke has the store beat now.
func (s *Store) poke() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func TestCallsAreTakenOfAllBucketsOrOfNone(t *testing.T) {
	t.Parallel()
	r := route(connected(t, settings(testkit.NewRedis(t).Address)))
	trial := hourly("trial", 3)
	trial.Alone()
	for i, want := range []struct{ wide, narrow, trial int }{{9, 0, 2}, {9, 0, 1}, {9, 0, 0}, {9, 0, 0}} {
		v := takes(t, r, hourly("wide", 10), hourly("narrow", 1), trial)
		if v[0].Left != want.wide && i == 0 || v[1].Left != want.narrow || v[2].Left != want.trial || v[1].Admitted != (i == 0) || v[2].Admitted != (i < 3) {
			t.Errorf("call %d: %+v, want %+v", i, v, want)
		}
	}
	if v := takes(t, r, hourly("wide", 10)); v[0].Left != 8 {
		t.Errorf("refused calls were taken of another bucket: %d left, want 8", v[0].Left)
	}
}

// Who waits takes calls of an empty bucket ahead of time, one after another, and what is given
// back is the next one's.
func TestCallsAreTakenAheadOfTime(t *testing.T) {
	t.Parallel()
	r := route(connected(t, settings(testkit.NewRedis(t).Address)))
	patient := Charge{Bucket: "few", Interval: Even(1, time.Minute), Burst: 2, Patience: 3 * time.Minute}
	patient.Alone()
	for i, want := range []time.Duration{0, 0, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute} {
		v := takes(t, r, patient)[0]
		if v.Admitted != (i < 5) || v.Wait > want || v.Wait < want-30*time.Second {
			t.Errorf("call %d: %+v, want a wait of %v", i, v, want)
		}
	}
	r.Return("few")
	r.Return("none")
	soon(t, func() bool { return takes(t, r, patient)[0].Admitted }, func() string { return "the call is not given back" })
	if v := takes(t, r, patient)[0]; v.Admitted {
		t.Errorf("another call was given back, too: %+v", v)
	}
}

// A bucket is refilled by time, also where the interval is less than the clock knows.
func TestBucketsAreRefilled(t *testing.T) {
	t.Parallel()
	r := route(connected(t, settings(testkit.NewRedis(t).Address)))
	quick := Charge{Bucket: "quick", Interval: Even(1_000_000, time.Millisecond), Burst: 1}
	second := Charge{Bucket: "second", Interval: Even(1, 200*time.Millisecond), Burst: 1}
	quick.Together()
	second.Together()
	takes(t, r, second)
	for range 20 {
		if v := takes(t, r, quick)[0]; !v.Admitted {
			t.Fatalf("a bucket of a million in a millisecond is empty: %+v", v)
		}
	}
	soon(t, func() bool { return takes(t, r, second)[0].Admitted }, func() string { return "the bucket stays empty" })
}

// A store that dies or stands still is told at once, and found again, whatever it forgot.
func TestAStoreThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testkit.Redis) }{
		"killed": {(*testkit.Redis).Kill, (*testkit.Redis).Start},
		"paused": {func(r *testkit.Redis) { r.Signal(syscall.SIGSTOP) }, func(r *testkit.Redis) { r.Signal(syscall.SIGCONT) }},
	} {
		redis := testkit.NewRedis(t)
		r := route(connected(t, settings(redis.Address)))
		takes(t, r, hourly("few", 10))
		fault.begin(redis)
		begun := time.Now()
		for range 1000 {
			if err := r.Take(t.Context(), []Charge{hourly("few", 10)}, make([]Verdict, 1)); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("%s: 1000 calls have waited %v, want the budget of one", name, took)
		}
		if r.store.Fault() == "" || r.store.Failures() == 0 {
			t.Errorf("%s: fault %q, %d failures", name, r.store.Fault(), r.store.Failures())
		}
		fault.end(redis)
		answers(t, r.store)
		if v := takes(t, r, hourly("few", 10))[0]; !v.Admitted {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// A store does not count the proxies of routes that are no more.
func TestRoutesThatAreNoMoreAreForgotten(t *testing.T) {
	t.Parallel()
	s := unheard(t, testkit.NewSecrets(t), settings("127.0.0.1:1"), dial.Options{AllowLoopback: true})
	one, two := s.Route(testkit.Namespace, "one", 1), s.Route(testkit.Namespace, "two", 1)
	s.Keep(func(r *Route) bool { return r == two })
	if left := s.all(); len(left) != 1 || left[0] != two {
		t.Errorf("%d routes are left, want the second alone", len(left))
	}
	if s.Route(testkit.Namespace, "one", 1) == one || s.Route(testkit.Namespace, "two", 1) != two {
		t.Error("a forgotten route is known, or the other is not")
	}
}
