// Package process is about the operator's own process: that it writes nothing once another
// one may lead, and which image it runs.
package process

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// fenceTick is how often a Fence makes sure that time has not jumped.
	fenceTick = 500 * time.Millisecond
	// fenceLimit is the longest stop after which the lease is still ours: it lasts
	// 15 s, and was renewed at most 2 s before.
	fenceLimit = 8 * time.Second
)

// ErrStopped is the error of a process that was stopped for longer than its lease is
// sure to be its own.
var ErrStopped = errors.New("the process was stopped for so long that another operator may lead: starting over")

// Fence keeps a leader that was stopped, by a debugger, a frozen machine or a
// scheduler that forgot it, from writing when it goes on: leader election itself
// notices with its next renewal alone, and until then the workers go on with what
// they knew.
type Fence struct {
	last    atomic.Int64 // wall clock, in nanoseconds: the monotonic one stops with the machine
	stopped atomic.Bool
	renewed atomic.Int64 // when a Lease was last written, by the wall clock in nanoseconds; 0 for never
}

// NewFence returns a Fence whose time begins now.
func NewFence(now time.Time) *Fence {
	f := &Fence{}
	f.last.Store(now.UnixNano())
	return f
}

// Start implements manager.Runnable. It ends with ErrStopped, and the process with it.
func (f *Fence) Start(ctx context.Context) error {
	tick := time.NewTicker(fenceTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if f.check(time.Now()) != nil {
				return ErrStopped
			}
		}
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: it must run before.
func (*Fence) NeedLeaderElection() bool { return false }

// check fails for good once there was a gap, whoever comes upon it first.
func (f *Fence) check(now time.Time) error {
	if gap := now.UnixNano() - f.last.Load(); f.stopped.Load() || gap > int64(fenceLimit) {
		f.stopped.Store(true)
		return ErrStopped
	}
	f.last.Store(now.UnixNano())
	return nil
}

// Renewed is when the process last wrote its Lease, by the wall clock; zero for never.
func (f *Fence) Renewed() (at time.Time) {
	if n := f.renewed.Load(); n > 0 {
		at = time.Unix(0, n)
	}
	return at
}

// Wrap guards the writes of a client, those of leases too: a leader that gives up
// its lease on its way out reads it first, and would take it from its successor.
func (f *Fence) Wrap(next http.RoundTripper) http.RoundTripper { return fenced{f, next} }

type fenced struct {
	fence *Fence
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (f fenced) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		if err := f.fence.check(time.Now()); err != nil {
			if r.Body != nil {
				_ = r.Body.Close()
			}
			return nil, err
		}
	}
	response, err := f.next.RoundTrip(r)
	if err == nil && response.StatusCode/100 == 2 && r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/leases") {
		f.fence.renewed.Store(time.Now().UnixNano())
	}
	return response, err // a transport's error is its own
}
