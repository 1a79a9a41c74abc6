package backend

import (
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// P9: what the protocol proves unprocessed is repeated, a POST with its body and without a
// word of retries; what was perhaps processed is not. The texts of net/http's errors are
// held here, too: they are all that it says.
func TestP9Proofs(t *testing.T) {
	t.Parallel()
	first := func(do func(p *peerConn, stream uint32)) func(p *peerConn, stream uint32, request int64) {
		return func(p *peerConn, stream uint32, request int64) {
			if request == 1 {
				do(p, stream)
				return
			}
			p.ok(stream)
		}
	}
	for _, row := range []struct {
		name     string
		do       func(p *peerConn, stream uint32)
		attempts int
	}{
		{"a stream that is refused", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeRefusedStream) }, 2},
		{"a stream beyond the last one", func(p *peerConn, _ uint32) { _ = p.WriteGoAway(0, http2.ErrCodeNo, nil) }, 2},
		{"a stream beyond the last one, with an error", func(p *peerConn, _ uint32) { _ = p.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil) }, 2},
		{"a stream beyond the last one, and the end", func(p *peerConn, _ uint32) {
			_ = p.WriteGoAway(0, http2.ErrCodeNo, nil)
			p.end()
		}, 2},
		{"an answer after it was said that the connection ends", func(p *peerConn, stream uint32) {
			_ = p.WriteGoAway(1<<31-1, http2.ErrCodeNo, nil)
			_ = p.WriteGoAway(stream, http2.ErrCodeNo, nil)
			p.ok(stream)
		}, 1},
		{"the last stream, and the end", func(p *peerConn, stream uint32) {
			_ = p.WriteGoAway(stream, http2.ErrCodeNo, nil)
			p.end()
		}, -1},
		{"the end", func(p *peerConn, _ uint32) { p.end() }, -1},
		{"a stream that is canceled", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeCancel) }, -1},
		{"a stream that fails", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeInternal) }, -1},
		{"a stream against the protocol", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeProtocol) }, -1},
		{"a stream that is slow", func(p *peerConn, stream uint32) { _ = p.WriteRSTStream(stream, http2.ErrCodeEnhanceYourCalm) }, -1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPeer(t, nil, first(row.do))
			a := ask(t, ofPeer(t, p, routeconfig.Backend{}, nil), newCall("POST"))
			want := fanout.Succeeded
			if row.attempts < 0 {
				want = fanout.Failed
			}
			if n := int(p.requests.Load()); a.Outcome != want || a.Attempts != max(row.attempts, -row.attempts) || n != a.Attempts {
				t.Errorf("%s: %v/%v in %d attempts, of which %d came, want %v in %d", row.name, a.Outcome, a.Reason, a.Attempts, n, want, row.attempts)
			}
		})
	}
}

// P9: a server that refuses everything is asked a bounded number of times.
func TestP9RefusalsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, nil, func(p *peerConn, stream uint32, _ int64) { _ = p.WriteRSTStream(stream, http2.ErrCodeRefusedStream) })
		a := ask(t, ofPeer(t, p, routeconfig.Backend{}, nil), newCall("POST"))
		if a.Outcome != fanout.Failed || a.Reason != fanout.Reset || a.Attempts != 17 || p.requests.Load() != 17 {
			t.Errorf("%v/%v in %d attempts, of which %d came, want failed/reset in 17", a.Outcome, a.Reason, a.Attempts, p.requests.Load())
		}
		if n := p.made.Load(); n != 1 {
			t.Errorf("on %d connections: a refusal says nothing against one", n)
		}
	})
}

// P9: nothing is sent before the server has said how much it takes.
func TestP9NothingIsSentBeforeTheSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, nil, func(p *peerConn, stream uint32, _ int64) { p.ok(stream) }, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 3})
		p.late = 300 * ms
		b := ofPeer(t, p, routeconfig.Backend{}, nil)
		var running sync.WaitGroup
		for range 30 {
			running.Go(func() {
				if a := ask(t, b, newCall("POST")); a.Outcome != fanout.Succeeded {
					t.Errorf("%v/%v", a.Outcome, a.Reason)
				}
			})
		}
		running.Wait()
		if n := p.early.Load(); n > 0 {
			t.Errorf("%d requests before the settings", n)
		}
	})
}

// A server that takes nothing is not asked for more connections.
func TestP9AServerWithoutStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t, nil, func(p *peerConn, stream uint32, _ int64) { p.ok(stream) }, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
		if a := ask(t, ofPeer(t, p, routeconfig.Backend{}, nil), newCall("POST")); a.Reason != fanout.Connect || p.made.Load() != 1 {
			t.Errorf("%v/%v, on %d connections", a.Outcome, a.Reason, p.made.Load())
		}
	})
}
