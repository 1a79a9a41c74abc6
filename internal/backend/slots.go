package backend

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// slots bound the requests to a backend at once.
type slots struct {
	*semaphore.Weighted

	most int64
	busy atomic.Int64
}

func newSlots(most int) *slots {
	return &slots{Weighted: semaphore.NewWeighted(int64(most)), most: int64(most)}
}

// try takes one that is free now.
func (s *slots) try() bool {
	ok := s.TryAcquire(1)
	if ok {
		s.busy.Add(1)
	}
	return ok
}

// take waits for one; it returns false when ctx ends first.
func (s *slots) take(ctx context.Context) bool {
	ok := s.Acquire(ctx, 1) == nil
	if ok {
		s.busy.Add(1)
	}
	return ok
}

func (s *slots) release() {
	s.busy.Add(-1)
	s.Release(1)
}

// Load is what a backend bears at a moment, and what of it is taken. What has no limit is 0.
type Load struct {
	// Busy requests are under way of Slots; Queued calls wait for one, of at most Places.
	Busy, Slots, Queued, Places int64
	// Tokens are what is left of the rate's Burst, below zero where calls wait for theirs. Of
	// a limit that is counted with other proxies they are this one's part.
	Tokens float64
	Burst  int
}

// Load is that of the backend.
func (b *Backend) Load(now time.Time) Load {
	s := b.state
	var l Load
	if s.slots != nil {
		l.Busy, l.Slots, l.Queued, l.Places = s.slots.busy.Load(), s.slots.most, s.queued.Load(), s.places
	}
	if s.limiter != nil {
		l.Tokens, l.Burst = s.limiter.TokensAt(now), s.limiter.Burst()
	}
	return l
}
