package dashboard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// freshFor is how long an answer is given again: several tabs cost what one does.
	freshFor = 900 * time.Millisecond
	// maxShared bounds the answers that are kept or being given, one for each question: readers
	// who leave do not end theirs, so connections bound nothing.
	maxShared = 256
)

// shared has each question asked once at a time, however many readers have it.
type shared struct {
	mu sync.Mutex
	of map[string]*asked
}

// asked is one question; done is closed when it is answered.
type asked struct {
	done  chan struct{}
	at    time.Time
	value any
	err   error
}

// get returns the answer to a question, a fresh one or one that is being given.
func (s *shared) get(ctx context.Context, key string, ask func(ctx context.Context) (any, error)) (any, error) {
	a, begun := s.join(key)
	if a == nil {
		return nil, errBusy
	}
	if begun {
		go func() { // it outlives a reader that leaves: others wait for it
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sourceTimeout)
			defer cancel()
			a.value, a.err = ask(ctx)
			close(a.done)
		}()
	}
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for an answer: %w", ctx.Err())
	}
}

// errBusy is the error where there is no room for a question.
var errBusy = errors.New("too many questions are being answered: ask again in some seconds")

// join is the answer to a question, or nil where too many are being given.
func (s *shared) join(key string) (a *asked, begun bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if a = s.of[key]; a != nil && !a.stale(now) {
		return a, false
	}
	for other, a := range s.of {
		if a.stale(now) || len(s.of) >= maxShared && a.answered() {
			delete(s.of, other)
		}
	}
	if len(s.of) >= maxShared {
		return nil, false
	}
	a = &asked{done: make(chan struct{}), at: now}
	s.of[key] = a
	return a, true
}

// stale reports whether an answer is too old to be given again.
func (a *asked) stale(now time.Time) bool { return a.answered() && now.Sub(a.at) >= freshFor }

func (a *asked) answered() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}
