package tether_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/tether"
)

var errCut = errors.New("cut")

type counted struct{ ends atomic.Int32 }

func (c *counted) End(error) { c.ends.Add(1) }

type key struct{}

// The first cause is the error, package context agrees, and values are those of another context
// whose own end is none of this one's.
func TestContextEndsByItselfAlone(t *testing.T) {
	t.Parallel()
	values, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	c := tether.New(context.WithoutCancel(values))
	cancel()
	if c.Err() != nil || c.Value(key{}) != "value" {
		t.Fatalf("%v, %v", c.Err(), c.Value(key{}))
	}
	early := c.Done()
	c.End(errCut)
	c.End(nil)
	<-early
	<-c.Done()
	if !errors.Is(c.Err(), errCut) || !errors.Is(context.Cause(c), errCut) {
		t.Errorf("%v, %v", c.Err(), context.Cause(c))
	}
	ended := tether.New(t.Context())
	ended.End(nil)
	if !errors.Is(ended.Err(), context.Canceled) {
		t.Error(ended.Err())
	}
}

// Who is attached is told once, at once where the end was before, and not after he has left.
func TestWhoIsAttachedIsTold(t *testing.T) {
	t.Parallel()
	c := tether.New(t.Context())
	var told, left, late counted
	c.Attach(&told)
	c.Attach(&left)
	if !c.Detach(&left) || c.Detach(&left) {
		t.Error("who was attached can leave once")
	}
	c.End(errCut)
	c.Attach(&late)
	if c.Detach(&told) {
		t.Error("who was told can leave")
	}
	if told.ends.Load() != 1 || left.ends.Load() != 0 || late.ends.Load() != 1 {
		t.Errorf("told %d, %d, %d times", told.ends.Load(), left.ends.Load(), late.ends.Load())
	}
}

// A branch ends with its context, with the same cause, and its own end is none of that.
func TestBranchesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	c := tether.New(t.Context())
	first, second := c.Branch(c), c.Branch(context.WithValue(c, key{}, "own"))
	first.End(nil)
	if c.Err() != nil || second.Err() != nil || second.Value(key{}) != "own" {
		t.Fatalf("%v, %v", c.Err(), second.Err())
	}
	c.End(errCut)
	if !errors.Is(second.Err(), errCut) || errors.Is(first.Err(), errCut) {
		t.Errorf("%v, %v", first.Err(), second.Err())
	}
}

// Contexts of package context that are derived of one end with it, without a goroutine that
// waits for that.
func TestDerivedContextsEndToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
		c := tether.New(context.Background())
		derived, cancel := context.WithTimeout(c, time.Hour)
		defer cancel()
		dropped, drop := context.WithCancel(c)
		drop()
		c.End(errCut)
		<-derived.Done()
		if !errors.Is(context.Cause(derived), errCut) || !errors.Is(dropped.Err(), context.Canceled) {
			t.Errorf("%v, %v", context.Cause(derived), dropped.Err())
		}
	})
}

// An alarm ends its context after the time, or not at all; one that was stopped is used again.
func TestAlarms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var alarms tether.Alarms
		for i := range 4 {
			early, late := tether.New(context.Background()), tether.New(context.Background())
			alarms.Set(time.Second, early, errCut).Stop()
			alarm := alarms.Set(2*time.Second, late, errCut)
			time.Sleep(2*time.Second - 1)
			synctest.Wait()
			if early.Err() != nil || late.Err() != nil {
				t.Fatalf("round %d: ended before their time: %v, %v", i, early.Err(), late.Err())
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if early.Err() != nil || !errors.Is(late.Err(), errCut) {
				t.Fatalf("round %d: %v, %v", i, early.Err(), late.Err())
			}
			alarm.Stop()
		}
	})
}

// Under -race: ends, attaching and leaving at once, and alarms that ring while they are stopped.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	var alarms tether.Alarms
	for range 200 {
		c, e := tether.New(context.Background()), &counted{}
		alarm := alarms.Set(time.Microsecond, c, errCut)
		var left atomic.Bool
		var group sync.WaitGroup
		group.Go(func() { c.End(nil) })
		group.Go(func() {
			c.Attach(e)
			left.Store(c.Detach(e))
		})
		group.Go(alarm.Stop)
		group.Wait()
		<-c.Done()
		if told := e.ends.Load() == 1; told == left.Load() {
			t.Fatalf("told %t, left %t", told, left.Load())
		}
	}
}

// What every attempt makes of these costs nothing but the context itself.
func TestAllocations(t *testing.T) {
	var alarms tether.Alarms
	e, values := &counted{}, context.Background()
	fewest := math.Inf(1)
	for range 5 { // a collection empties the pool, and under the race detector some of it is lost
		fewest = min(fewest, testing.AllocsPerRun(100, func() {
			c := tether.New(values)
			alarm := alarms.Set(time.Hour, c, errCut)
			c.Attach(e)
			c.Detach(e)
			alarm.Stop()
			c.End(nil)
		}))
	}
	if fewest > 1 {
		t.Errorf("%v allocations", fewest)
	}
}
