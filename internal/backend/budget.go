package backend

import (
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

const (
	// budgetSpan is the time over which a budget looks back, in seconds.
	budgetSpan = 10
	// budgetFloor is what a backend may spend in budgetSpan however few calls it
	// gets: one a second, so that quiet routes can retry.
	budgetFloor = budgetSpan
)

// budget bounds what is sent beyond first attempts to a share of them, so that a
// backend in trouble does not get a multiple of its load.
type budget struct {
	percent int

	mu    sync.Mutex
	begun time.Time // when it was first used: seconds are counted from it
	slots [budgetSpan]budgetSlot
}

// budgetSlot is one second.
type budgetSlot struct {
	second        int64
	firsts, spent int
}

// first counts a first attempt.
func (b *budget) first(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at(now).firsts++
}

// spend takes one attempt more out of the budget, if it has one.
func (b *budget) spend(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	current := b.at(now)
	var firsts, spent int
	for i := range b.slots {
		if b.slots[i].second > current.second-budgetSpan {
			firsts += b.slots[i].firsts
			spent += b.slots[i].spent
		}
	}
	if spent >= budgetFloor+firsts*b.percent/100 {
		return false
	}
	current.spent++
	return true
}

func (b *budget) at(now time.Time) *budgetSlot {
	if b.begun.IsZero() {
		b.begun = now
	}
	second := stats.Spans(b.begun, now, time.Second)
	s := &b.slots[second%budgetSpan]
	if s.second != second {
		*s = budgetSlot{second: second}
	}
	return s
}
