package backend

import (
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

// P8: a connection that has gone silent takes the calls that are on it, at most, with it.
// What comes after takes another one.
func TestP8ASilentConnectionIsLeft(t *testing.T) {
	t.Parallel()
	hedge := func(b *routeconfig.Backend) {
		b.Hedge = &routeconfig.Hedge{Delay: testkit.Span(300 * time.Millisecond), Max: 1, BudgetPercent: 100}
	}
	repeat := func(attempt time.Duration, on ...string) func(b *routeconfig.Backend) {
		return func(b *routeconfig.Backend) {
			b.Retry = &routeconfig.Retry{Attempts: 3, AttemptTimeout: testkit.Span(attempt), RetryOn: on, BudgetPercent: 100}
		}
	}
	timeout := func(d time.Duration) func(b *routeconfig.Backend) {
		return func(b *routeconfig.Backend) { b.Timeout = testkit.Span(d) }
	}
	for _, row := range []struct {
		name   string
		method string
		modify func(*routeconfig.Backend)
		fail   int           // calls of 20 in a row
		reason fanout.Reason // why
		most   int           // attempts of all of them
	}{
		{"a hedge", "GET", hedge, 0, 0, 24},
		{"an attempt after a timeout", "GET", repeat(time.Second, "timeout"), 0, 0, 24},
		{"an attempt after a reset", "GET", repeat(0, "reset"), 0, 0, 24},
		{"the call after a timeout", "POST", timeout(time.Second), 1, fanout.Timeout, 20},
		{"the call after one that was given up", "POST", timeout(30 * time.Second), 1, fanout.Reset, 20},
	} {
		bubbles(t, row.name, func(t *testing.T, server, client *tls.Config) {
			t.Helper()
			p := newPeer(t, server, func(p *peerConn, stream uint32, _ int64) { p.ok(stream) })
			config := routeconfig.Backend{}
			row.modify(&config)
			b := ofPeer(t, p, config, client)
			if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Succeeded {
				t.Fatalf("before: %v/%v", a.Outcome, a.Reason)
			}
			before := p.made.Load()
			p.silent.Store(before)
			failed, attempts := 0, 0
			for range 20 {
				a := ask(t, b, newCall(row.method))
				attempts += a.Attempts
				if a.Outcome == fanout.Succeeded {
					continue
				}
				failed++
				if a.Reason != row.reason {
					t.Errorf("%v/%v, want %v", a.Outcome, a.Reason, row.reason)
				}
			}
			if failed > row.fail || attempts > row.most {
				t.Errorf("%d of 20 calls failed in %d attempts, want %d in at most %d", failed, attempts, row.fail, row.most)
			}
			if fresh := p.made.Load() - before; fresh < 1 || fresh > 3 {
				t.Errorf("%d connections were made", fresh)
			}
		})
	}
}

// P8: all calls that wait on a silent connection are given back, long before their own
// time is up.
func TestP8WhoWaitsOnASilentConnectionIsTold(t *testing.T) {
	t.Parallel()
	bubbles(t, "", func(t *testing.T, server, client *tls.Config) {
		t.Helper()
		p := newPeer(t, server, func(p *peerConn, stream uint32, _ int64) { p.ok(stream) })
		b := ofPeer(t, p, routeconfig.Backend{}, client)
		if a := ask(t, b, newCall("GET")); a.Outcome != fanout.Succeeded {
			t.Fatalf("before: %v/%v", a.Outcome, a.Reason)
		}
		p.silent.Store(p.made.Load())
		begun := time.Now()
		var running sync.WaitGroup
		for range 10 {
			running.Go(func() {
				if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Succeeded && a.Reason != fanout.Reset || a.Attempts > 2 {
					t.Errorf("%v/%v in %d attempts", a.Outcome, a.Reason, a.Attempts)
				}
			})
		}
		running.Wait()
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Succeeded || a.Attempts != 1 {
			t.Errorf("after: %v/%v", a.Outcome, a.Reason)
		}
	})
}

// A backend that is slow, but there, keeps its connection: it answers when it is asked.
func TestP8ASlowBackendIsNotSilent(t *testing.T) {
	t.Parallel()
	bubbles(t, "", func(t *testing.T, server, client *tls.Config) {
		t.Helper()
		p := newPeer(t, server, func(p *peerConn, stream uint32, request int64) {
			if request != 2 {
				p.ok(stream)
				return
			}
			time.AfterFunc(9*time.Second, func() {
				p.Lock()
				defer p.Unlock()
				p.ok(stream)
			})
		})
		b := ofPeer(t, p, routeconfig.Backend{}, client)
		for _, method := range []string{"GET", "POST", "GET"} {
			if a := ask(t, b, newCall(method)); a.Outcome != fanout.Succeeded || a.Attempts != 1 {
				t.Errorf("%s: %v/%v in %d attempts", method, a.Outcome, a.Reason, a.Attempts)
			}
		}
		if n := p.made.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}
