package bulk

import (
	"container/heap"
	"runtime"
	"sync"
)

// Stage says which computations go first: those of a call that is nearly over, for it gives
// its memory back.
type Stage uint8

// The stages of a call, the first of them to go last. Nobody waits for a shadow.
const (
	Compare  Stage = iota // a shadow's answer with its reference
	Check                 // each answer
	Room                  // for what comes
	Combine               // all answers
	Compress              // their response
)

// Threads run computations that take long, each on a thread of low priority. Its methods are
// safe for concurrent use.
//
// Go takes goroutines in turns of 10 ms, so that a few which look through bodies of megabytes
// delay every other call by a hundred milliseconds and more. Threads the kernel takes in
// turns of a millisecond, and at once where one of a higher priority has something to do.
type Threads struct {
	mu      sync.Mutex
	work    *sync.Cond
	waiting queue
	serial  uint64
	idle    int // threads that wait for work
	started int
	most    int
	closed  bool
}

// NewThreads leaves one of Go's processors to what is short. Threads start with their first
// work, and stay until Close.
func NewThreads() *Threads {
	t := &Threads{most: max(1, runtime.GOMAXPROCS(0)-1)}
	t.work = sync.NewCond(&t.mu)
	return t
}

// Do runs a computation and returns when it is over. What panics in it panics in the caller.
func (t *Threads) Do(stage Stage, compute func()) {
	j := t.add(stage, compute)
	if j == nil {
		compute()
		return
	}
	<-j.done
	if j.panicked != nil {
		panic(j.panicked) //nolint:forbidigo // it is the caller's
	}
}

// add lets a computation wait; nil where the threads are gone.
func (t *Threads) add(stage Stage, compute func()) *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.serial++
	j := &job{stage: stage, serial: t.serial, compute: compute, done: make(chan struct{})}
	heap.Push(&t.waiting, j)
	if len(t.waiting) > t.idle && t.started < t.most {
		t.started++
		go t.thread()
	}
	t.work.Signal()
	return j
}

// Close ends the threads once nothing waits for them. Do works on, where it is called.
func (t *Threads) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.work.Broadcast()
}

// roomy is the size from which the first use of memory takes longer than a small call, in
// bytes.
const roomy = 256 << 10

// Make makes an empty slice with room for n bytes. That of a large one is cleared, and has
// its pages from the kernel, before anybody fills it: a page may take as long as 20 µs.
func (t *Threads) Make(n int64) (b []byte) {
	if n < roomy {
		return make([]byte, 0, n)
	}
	t.Do(Room, func() {
		b = make([]byte, n)
		for i := 0; i < len(b); i += 4 << 10 {
			b[i] = 0
		}
	})
	return b[:0]
}

// thread ends with its goroutine, which stays locked: a priority can be lowered and never
// raised again.
func (t *Threads) thread() {
	runtime.LockOSThread()
	giveWay()
	for j := t.next(); j != nil; j = t.next() {
		j.run()
	}
}

// next waits for work; nil where there will be none.
func (t *Threads) next() *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.waiting) == 0 {
		if t.closed {
			return nil
		}
		t.idle++
		t.work.Wait()
		t.idle--
	}
	j, _ := heap.Pop(&t.waiting).(*job)
	return j
}

// job is a computation that waits.
type job struct {
	stage    Stage
	serial   uint64
	compute  func()
	done     chan struct{}
	panicked any
}

func (j *job) run() {
	defer close(j.done)
	defer func() { j.panicked = recover() }()
	j.compute()
}

// queue has the latest stage first, and of one stage what came first.
type queue []*job

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Swap implements heap.Interface.
func (q queue) Swap(i, k int) { q[i], q[k] = q[k], q[i] }

// Less implements heap.Interface.
func (q queue) Less(i, k int) bool {
	if q[i].stage != q[k].stage {
		return q[i].stage > q[k].stage
	}
	return q[i].serial < q[k].serial
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	j, _ := x.(*job)
	*q = append(*q, j)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	j := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return j
}
