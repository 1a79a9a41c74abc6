package bulk

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// What is older goes first, and of one age what came first.
func TestK5OlderGoFirst(t *testing.T) {
	t.Parallel()
	q := New()
	defer q.Close()
	q.threads.most = 1
	var order []int
	begun, end := make(chan struct{}), make(chan struct{})
	var callers sync.WaitGroup
	callers.Go(func() { q.Do(5, Least, func() { close(begun); <-end }) })
	<-begun
	for i, age := range []uint64{4, 1 << 63, 1, 4, 3, First, 1} {
		callers.Go(func() { q.Do(age, Least, func() { order = append(order, i) }) })
		for waiting(&q.threads.mu, func() int { return len(q.threads.waiting.places) }) <= i {
			runtime.Gosched()
		}
	}
	close(end)
	callers.Wait()
	if want := []int{5, 2, 6, 4, 0, 3, 1}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

// Of those that pass the oldest goes on first.
func TestK5OlderPassFirst(t *testing.T) {
	t.Parallel()
	q := New()
	var held []*pipe
	for len(q.pauses.free) > 0 {
		held = append(held, q.pauses.take(First))
	}
	var mu sync.Mutex
	var order []int
	var callers sync.WaitGroup
	for i, age := range []uint64{7, 2, 9, 2} {
		callers.Go(func() {
			at := q.pauses.take(age)
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			q.pauses.give(at)
		})
		for waiting(&q.pauses.mu, func() int { return len(q.pauses.waiting.places) }) <= i {
			runtime.Gosched()
		}
	}
	q.pauses.give(held[0])
	callers.Wait()
	if want := []int{1, 3, 0, 2}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	for _, at := range held[1:] {
		q.pauses.give(at)
	}
	q.Close()
	q.Pass(First) // there is nothing left to wait at
}

func waiting(mu sync.Locker, n func() int) int {
	mu.Lock()
	defer mu.Unlock()
	return n()
}

// As many threads as there may be work at once, and no more.
func TestThreadsAreBounded(t *testing.T) {
	t.Parallel()
	q := New()
	defer q.Close()
	q.threads.most = 3
	all := make(chan struct{})
	var now, over atomic.Int32
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			q.Do(First, Least, func() {
				switch n := now.Add(1); {
				case n == 3:
					close(all)
				case n > 3:
					over.Add(1)
				}
				<-all
				now.Add(-1000) // only the first three are counted
			})
		})
	}
	callers.Wait()
	if over.Load() > 0 || q.threads.started != 3 {
		t.Errorf("%d too many at once, %d threads", over.Load(), q.threads.started)
	}
}

// A panic is its caller's, and the thread goes on.
func TestPanicsAreTheCallers(t *testing.T) {
	t.Parallel()
	q := New()
	defer q.Close()
	q.threads.most = 1
	func() {
		defer func() {
			if r := recover(); r != "broken" {
				t.Errorf("recovered %v", r)
			}
		}()
		q.Do(First, Least, func() { panic("broken") })
	}()
	done := false
	q.Do(First, Least, func() { done = true })
	if !done {
		t.Error("the thread is gone")
	}
}

// What waits when the threads end is done, and what comes later, too; where there is no queue
// nothing waits.
func TestClosedAndNone(t *testing.T) {
	t.Parallel()
	q := New()
	done := 0
	q.Do(First, Least, func() { q.Close(); done++ })
	q.Do(First, Least, func() { done++ })
	q.Pass(First)
	q = nil
	q.Do(First, Least, func() { done++ })
	q.Pass(First)
	if done != 3 {
		t.Errorf("%d of 3 were done", done)
	}
}

// Whoever passes lets those go on for whom something has come meanwhile, on one processor,
// too, where a goroutine that merely yields meets none of them.
func TestK5PassAsksTheNetwork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	q := New()
	defer q.Close()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var got atomic.Int32
	var reader sync.WaitGroup
	reader.Go(func() {
		for b := make([]byte, 1); ; got.Add(1) {
			if _, err := out.Read(b); err != nil {
				return
			}
		}
	})
	q.Pass(First) // the reader waits
	for i := range int32(50) {
		if _, err := in.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		q.Pass(First) // both may be ready at once, and this one go on first
		q.Pass(First)
		if got.Load() != i+1 {
			t.Fatalf("%d pieces were read, want %d", got.Load(), i+1)
		}
	}
	_ = in.Close()
	reader.Wait()
}

// A thread ends once nobody has work for it; where there are no descriptors for one, the work
// is done all the same.
func TestCrewsEnd(t *testing.T) {
	t.Parallel()
	done := 0
	count := func() *job { return &job{compute: func() { done++ }} }
	c := newCrew()
	c.run(count())
	c.run(count())
	c.close()
	for b := [1]byte{}; ; runtime.Gosched() {
		if _, err := c.ending.Write(b[:]); errors.Is(err, os.ErrClosed) {
			break
		}
	}
	none := &crew{}
	none.run(count())
	none.close()
	if done != 3 {
		t.Errorf("%d of 3 were done", done)
	}
}
