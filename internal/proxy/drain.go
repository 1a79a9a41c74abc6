package proxy

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// drainTimeout is how long calls may go on that are under way when their server stops:
// as long as one of the plan's may take, where nothing else is said.
func (p *Proxy) drainTimeout(current *plan) time.Duration {
	longest := p.options.DrainTimeout
	if longest > 0 || current == nil {
		return longest
	}
	for _, r := range current.routes {
		longest = max(longest, r.config.CallTime())
	}
	return longest
}

// drain keeps accepting for a while, then lets every call and straggler end. What is not
// over in time is cut.
func (p *Proxy) drain() {
	p.draining.Store(true)
	p.options.Log.Info("draining")
	time.Sleep(p.options.DrainDelay)
	p.mu.Lock()
	p.closed = true
	servers := slices.Collect(maps.Values(p.servers))
	servers = slices.AppendSeq(servers, maps.Keys(p.leaving))
	timeout := p.drainTimeout(p.plan.Load())
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var wait sync.WaitGroup
	var cut atomic.Int64
	for _, s := range servers {
		wait.Go(func() { cut.Add(s.end(ctx)) })
	}
	wait.Wait()
	left := p.finish(ctx)
	if cut.Load() > 0 || left > 0 {
		p.options.Log.Warn("drained", "cut", cut.Load(), "stragglersCut", left)
		return
	}
	p.options.Log.Info("drained")
}

// finish waits for stragglers, and returns of how many calls some are left. No call begins
// any more; those that were cut have a moment to land.
func (p *Proxy) finish(ctx context.Context) (left int) {
	var dispatchers []*fanout.Dispatcher
	p.mu.Lock()
	dispatchers = append(dispatchers, p.retired...)
	current := p.plan.Load()
	p.mu.Unlock()
	if current != nil {
		for _, r := range current.routes {
			dispatchers = append(dispatchers, r.dispatcher)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, d := range dispatchers {
			d.Drain()
		}
		defer p.closing.Wait()
		if current != nil {
			for _, s := range current.lasting.states {
				s.Close()
			}
			current.lasting.endIssuers(nil)
			p.closeStores(&current.lasting, nil)
		}
	}()
	timer := time.NewTimer(cutTime)
	defer timer.Stop()
	select {
	case <-done:
		return 0
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-timer.C:
	}
	for _, d := range dispatchers {
		left += d.InFlight()
	}
	return left
}
