package bulk

import (
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// What is nearly over goes first, and what came first of what is as far.
func TestK5LaterStagesGoFirst(t *testing.T) {
	t.Parallel()
	threads := NewThreads()
	defer threads.Close()
	threads.most = 1
	var order []Stage
	var firsts []int
	begun, end := make(chan struct{}), make(chan struct{})
	var callers sync.WaitGroup
	callers.Go(func() { threads.Do(Check, func() { close(begun); <-end }) })
	<-begun
	for i, stage := range []Stage{Check, Compare, Compress, Check, Room, Combine, Compress} {
		callers.Go(func() {
			threads.Do(stage, func() { order, firsts = append(order, stage), append(firsts, i) })
		})
		for waiting(threads) <= i {
			runtime.Gosched()
		}
	}
	close(end)
	callers.Wait()
	if want := []Stage{Compress, Compress, Combine, Room, Check, Check, Compare}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if want := []int{2, 6, 5, 4, 0, 3, 1}; !slices.Equal(firsts, want) {
		t.Errorf("order %v, want %v", firsts, want)
	}
}

func waiting(t *Threads) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// As many threads as there may be work at once, and no more.
func TestThreadsAreBounded(t *testing.T) {
	t.Parallel()
	threads := NewThreads()
	defer threads.Close()
	threads.most = 3
	all := make(chan struct{})
	var now, over atomic.Int32
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			threads.Do(Check, func() {
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
	if over.Load() > 0 || threads.started != 3 {
		t.Errorf("%d too many at once, %d threads", over.Load(), threads.started)
	}
}

// A panic is its caller's, and the thread goes on.
func TestPanicsAreTheCallers(t *testing.T) {
	t.Parallel()
	threads := NewThreads()
	defer threads.Close()
	threads.most = 1
	func() {
		defer func() {
			if r := recover(); r != "broken" {
				t.Errorf("recovered %v", r)
			}
		}()
		threads.Do(Check, func() { panic("broken") })
	}()
	done := false
	threads.Do(Check, func() { done = true })
	if !done {
		t.Error("the thread is gone")
	}
}

// What is begun when the threads end is done, and what comes later, too.
func TestClosedThreads(t *testing.T) {
	t.Parallel()
	threads := NewThreads()
	done := 0
	threads.Do(Check, func() { threads.Close(); done++ })
	threads.Do(Check, func() { done++ })
	if done != 2 {
		t.Errorf("%d of 2 were done", done)
	}
}

func TestRooms(t *testing.T) {
	t.Parallel()
	threads := NewThreads()
	defer threads.Close()
	for _, n := range []int64{0, 1, roomy - 1, roomy, 3 << 20} {
		if b := threads.Make(n); len(b) != 0 || int64(cap(b)) < n {
			t.Errorf("room for %d: len %d, cap %d", n, len(b), cap(b))
		}
	}
}

// Whoever passes lets those go on for whom something has come meanwhile, on one processor,
// too, where a goroutine that merely yields meets none of them.
func TestK5PassAsksTheNetwork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := NewPacer()
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
	p.Pass() // the reader waits
	for i := range int32(50) {
		if _, err := in.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		p.Pass() // it may be asked for both at once, and this one go on first
		p.Pass()
		if got.Load() != i+1 {
			t.Fatalf("%d pieces were read, want %d", got.Load(), i+1)
		}
	}
	_ = in.Close()
	reader.Wait()
}

// A connection is read in pieces, and a run of them interrupted; a pause ends the run.
func TestRuns(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	go func() {
		_, _ = far.Write(make([]byte, 3*Least))
		_ = far.Close()
	}()
	c := NewPacer().Conn(near)
	n, err := c.Read(make([]byte, 3*Least))
	if err != nil || n > Least {
		t.Errorf("read %d, %v", n, err)
	}
	rest, err := io.ReadAll(c)
	if err != nil || n+len(rest) != 3*Least {
		t.Errorf("read %d more, %v", len(rest), err)
	}
	var r Run
	for _, piece := range []struct{ n, want int }{{pause, pause}, {Least, pause + Least}, {pause - 1, 0}, {Least, Least}} {
		if r.Add(piece.n); r.bytes != piece.want {
			t.Errorf("%d bytes in a run, want %d", r.bytes, piece.want)
		}
	}
	if r.Pace(nil, Least+1); r.bytes != Least {
		t.Error("it passed too early")
	}
	if r.Pace(nil, Least); r.bytes != 0 {
		t.Error("it did not pass")
	}
}
