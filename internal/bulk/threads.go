package bulk

import (
	"container/heap"
	"sync"
)

// threads run computations. They start with their work, and stay until close. Each has a
// goroutine that fetches work for it and tells when it is over: see crew.
type threads struct {
	mu      sync.Mutex
	work    *sync.Cond
	waiting line[*job]
	idle    int // threads that wait for work
	started int
	most    int
	closed  bool
	own     *processor
}

func (t *threads) init(most int) { t.most, t.work = most, sync.NewCond(&t.mu) }

func (t *threads) do(age uint64, compute func()) {
	j := t.add(age, compute)
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
func (t *threads) add(age uint64, compute func()) *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	j := &job{compute: compute, done: make(chan struct{})}
	t.waiting.add(age, j)
	if len(t.waiting.places) > t.idle && t.started < t.most {
		t.started++
		go t.serve()
	}
	t.work.Signal()
	return j
}

func (t *threads) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.work.Broadcast()
}

// serve has a thread do one job after another.
func (t *threads) serve() {
	c := newCrew()
	for j := t.next(); j != nil; j = t.next() {
		t.own.lend()
		c.run(j)
		t.own.giveBack()
		close(j.done)
	}
	c.close()
}

// next waits for work; nil where there will be none.
func (t *threads) next() *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.waiting.places) == 0 {
		if t.closed {
			return nil
		}
		t.idle++
		t.work.Wait()
		t.idle--
	}
	return t.waiting.next()
}

// job is a computation that waits.
type job struct {
	compute  func()
	done     chan struct{}
	panicked any
}

func (j *job) run() {
	defer func() { j.panicked = recover() }()
	j.compute()
}

// line has those that wait, the oldest first, and of one age who came first.
type line[T any] struct {
	places places[T]
	serial uint64
}

func (l *line[T]) add(age uint64, value T) {
	l.serial++
	heap.Push(&l.places, place[T]{age, l.serial, value})
}

// next takes the first out. There is one.
func (l *line[T]) next() T {
	first, _ := heap.Pop(&l.places).(place[T])
	return first.value
}

type place[T any] struct {
	age, serial uint64
	value       T
}

// places implement heap.Interface.
type places[T any] []place[T]

// Len implements heap.Interface.
func (p places[T]) Len() int { return len(p) }

// Swap implements heap.Interface.
func (p places[T]) Swap(i, k int) { p[i], p[k] = p[k], p[i] }

// Less implements heap.Interface.
func (p places[T]) Less(i, k int) bool {
	if p[i].age != p[k].age {
		return p[i].age < p[k].age
	}
	return p[i].serial < p[k].serial
}

// Push implements heap.Interface.
func (p *places[T]) Push(x any) {
	added, _ := x.(place[T])
	*p = append(*p, added)
}

// Pop implements heap.Interface.
func (p *places[T]) Pop() any {
	last := len(*p) - 1
	popped := (*p)[last]
	(*p)[last] = place[T]{}
	*p = (*p)[:last]
	return popped
}
