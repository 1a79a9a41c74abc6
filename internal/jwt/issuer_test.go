package jwt

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is an issuer whose answers the test makes.
type scripted struct {
	*Issuer

	keys    atomic.Pointer[[]byte]
	fails   atomic.Pointer[string]
	fetches atomic.Int32
	takes   atomic.Int64 // a fetch, as a time.Duration
}

func newScripted(t *testing.T, keys ...map[string]any) *scripted {
	t.Helper()
	s := &scripted{Issuer: New(Options{Config: config(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})}
	s.publish(t, keys...)
	s.fetch = func(ctx context.Context) (*Set, error) {
		s.fetches.Add(1)
		published := *s.keys.Load() // an answer is as old as the question
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(s.takes.Load())):
		}
		if why := s.fails.Load(); why != nil {
			return nil, errors.New(*why)
		}
		return parseSet(published)
	}
	return s
}

func (s *scripted) publish(t *testing.T, keys ...map[string]any) {
	s.keys.Store(new(setOf(t, keys...)))
}

func (s *scripted) want(t *testing.T, when, compact string, want Verdict) {
	t.Helper()
	if _, got := judge(t, s.Issuer, compact); got != want {
		t.Errorf("%s: %d, want %d", when, got, want)
	}
}

// lasting is a token that does not end during the test.
func lasting(t *testing.T, p pair, alg string) string {
	return p.sign(t, alg, says(map[string]any{"exp": time.Now().Add(90 * 24 * time.Hour).Unix()}), nil)
}

// Keys rotate without a restart and without a call that fails; an unknown one costs one fetch
// in 30 s, however many tokens name it.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, two, three := newEd(t, "one"), newEd(t, "two"), newEd(t, "three")
		s := newScripted(t, one.published(t, nil))
		s.Start()
		s.Start()
		defer s.Close()
		s.takes.Store(int64(100 * time.Millisecond))
		s.want(t, "before the first answer", lasting(t, one, "EdDSA"), Admitted)
		s.publish(t, one.published(t, nil), two.published(t, nil))
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() { s.want(t, "rotated", lasting(t, two, "EdDSA"), Admitted) })
		}
		calls.Wait()
		if n := s.fetches.Load(); n != 2 {
			t.Errorf("%d fetches, want the first and one for the new key", n)
		}
		for range 100 {
			s.want(t, "an unknown key", lasting(t, three, "EdDSA"), Refused)
		}
		if n := s.fetches.Load(); n != 2 {
			t.Errorf("%d fetches for unknown keys within 30 s", n-2)
		}
		time.Sleep(askEvery)
		for range 100 {
			s.want(t, "an unknown key, later", lasting(t, three, "EdDSA"), Refused)
		}
		if n := s.fetches.Load(); n != 3 {
			t.Errorf("%d fetches, want one more after 30 s", n)
		}
		s.publish(t, two.published(t, nil))
		time.Sleep(refreshEvery + time.Second)
		s.want(t, "a key that was taken away", lasting(t, one, "EdDSA"), Refused)
		s.want(t, "the one that stays", lasting(t, two, "EdDSA"), Admitted)
	})
}

// A fetch that is under way may have begun before a new key was there: it is worth another.
func TestAKeyThatComesDuringAFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, two := newEd(t, "one"), newEd(t, "two")
		s := newScripted(t, one.published(t, nil))
		s.takes.Store(int64(100 * time.Millisecond))
		s.Start()
		defer s.Close()
		s.want(t, "at rest", lasting(t, one, "EdDSA"), Admitted)
		time.Sleep(refreshEvery + 50*time.Millisecond) // the next one is under way
		s.publish(t, one.published(t, nil), two.published(t, nil))
		s.want(t, "a key that comes meanwhile", lasting(t, two, "EdDSA"), Admitted)
	})
}

// An outage keeps the last keys for 24 h, and says how old they are.
func TestAnOutageOfADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := newEd(t, "one")
		s := newScripted(t, one.published(t, nil))
		if state := s.State(time.Now()); !state.Never || state.Keys != 0 || state.Problem != "" {
			t.Errorf("before it starts: %+v", state)
		}
		s.Start()
		defer s.Close()
		synctest.Wait()
		compact := lasting(t, one, "EdDSA")
		s.want(t, "to begin with", compact, Admitted)
		if state := s.State(time.Now()); state.Never || state.Keys != 1 || state.Age != 0 || state.Problem != "" {
			t.Errorf("to begin with: %+v", state)
		}
		s.fails.Store(new("keys: the issuer answered 503"))
		time.Sleep(23 * time.Hour)
		s.want(t, "after 23 h", compact, Admitted)
		if state := s.State(time.Now()); state.Age < 22*time.Hour || state.Age > 23*time.Hour || state.Problem != "keys: the issuer answered 503" {
			t.Errorf("after 23 h: %+v", state)
		}
		time.Sleep(time.Hour + time.Second)
		s.want(t, "after a day", compact, Unjudged)
		if s.Recall(Digest{}, time.Now()) != nil {
			t.Error("after a day tokens are remembered")
		}
		n := s.fetches.Load()
		if n > 24*3600/30+100 {
			t.Errorf("%d fetches in a day", n)
		}
		s.fails.Store(nil)
		time.Sleep(maxPause + time.Second)
		s.want(t, "when it is back", compact, Admitted)
		if state := s.State(time.Now()); state.Age > maxPause+time.Second || state.Problem != "" {
			t.Errorf("when it is back: %+v", state)
		}
	})
}

// While there are no keys calls wait for them for a moment, and are not judged then.
func TestNoKeysYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := newEd(t, "one")
		s := newScripted(t, one.published(t, nil))
		s.takes.Store(int64(9 * time.Second))
		s.Start()
		defer s.Close()
		synctest.Wait()
		begun := time.Now()
		s.want(t, "an issuer that is slow", lasting(t, one, "EdDSA"), Unjudged)
		if took := time.Since(begun); took != patience {
			t.Errorf("it took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		token := Parse(lasting(t, one, "EdDSA"))
		if _, got, _ := s.Judge(ctx, token, Digest{}); got != Unjudged || time.Since(begun) != patience+time.Second {
			t.Errorf("a call that ends: %d after %s", got, time.Since(begun))
		}
		s.want(t, "what can never be admitted", one.sign(t, "EdDSA", says(map[string]any{"aud": "x"}), nil), Refused)
		time.Sleep(9 * time.Second)
		s.want(t, "at last", lasting(t, one, "EdDSA"), Admitted)
	})
}

// Whoever publishes an empty set has taken the keys away.
func TestKeysThatAreTakenAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := newEd(t, "one")
		s := newScripted(t, one.published(t, nil))
		s.Start()
		defer s.Close()
		synctest.Wait()
		compact := lasting(t, one, "EdDSA")
		s.want(t, "to begin with", compact, Admitted)
		s.publish(t)
		time.Sleep(refreshEvery + time.Second)
		s.want(t, "without a key", compact, Refused)
		if state := s.State(time.Now()); state.Keys != 0 || state.Problem == "" {
			t.Errorf("%+v", state)
		}
	})
}

// What was judged is remembered as long as the keys are as they were.
func TestVerdictsFollowTheKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, two := newEd(t, "one"), newEd(t, "two")
		s := newScripted(t, one.published(t, nil))
		s.Start()
		defer s.Close()
		synctest.Wait()
		compact := lasting(t, one, "EdDSA")
		token, digest := Parse(compact), Digest{1}
		if _, verdict, _ := s.Judge(t.Context(), token, digest); verdict != Admitted {
			t.Fatal(verdict)
		}
		time.Sleep(2*refreshEvery + time.Second)
		if c := s.Recall(digest, time.Now()); c == nil || c.Name != "ada" || !strings.Contains(string(c.Claims), `"aud":"orders"`) {
			t.Errorf("the same keys: %+v", c)
		}
		s.publish(t, two.published(t, nil))
		time.Sleep(refreshEvery)
		if s.Recall(digest, time.Now()) != nil {
			t.Error("the key is gone, and its token remembered")
		}
	})
}

// An Issuer that is closed fetches no more, and nobody waits for it.
func TestCloseEndsFetching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := newEd(t, "one")
		s := newScripted(t, one.published(t, nil))
		s.takes.Store(int64(time.Hour))
		s.Start()
		var calls sync.WaitGroup
		calls.Go(func() { s.want(t, "closed meanwhile", lasting(t, one, "EdDSA"), Unjudged) })
		synctest.Wait()
		begun := time.Now()
		s.Close()
		calls.Wait()
		if time.Since(begun) > patience {
			t.Errorf("it took %s", time.Since(begun))
		}
		idle := newScripted(t)
		idle.Close()
		idle.Start()
		synctest.Wait()
		if n := idle.fetches.Load(); n != 0 || s.fetches.Load() != 1 {
			t.Errorf("%d and %d fetches", n, s.fetches.Load())
		}
	})
}
