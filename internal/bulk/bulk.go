// Package bulk keeps what takes long from delaying what is short. Computations it runs on
// threads of low priority; what has to stay in its goroutine, since it reads or writes, it
// interrupts. Of several the oldest call goes first, so that calls which together want more
// than there is are answered one after another.
//
// It answers a trait of Go's scheduler, which asks the network what has come only where no
// goroutine is left to run, or every 10 ms: whoever yields to the others yields to those that
// were there already, and a few goroutines that look through megabytes, in turns of 10 ms,
// delay every other call by a hundred milliseconds and more. Threads the kernel takes in
// turns of a millisecond, and at once where one of a higher priority has something to do.
package bulk

import "runtime"

// Least is the size from which work is interrupted, or done on a thread, in bytes: below it
// takes less than 0.1 ms.
const Least = 64 << 10

// First is the age of what is nearly over, or short, or nobody's.
const First = 0

// Queue has the threads and the pauses of a process. Its methods are safe for concurrent use.
// Nil is none: what is to be done is done where it is called, and nothing pauses.
type Queue struct {
	threads threads
	pauses  pauses
}

// New returns a Queue that leaves one of Go's processors to what is short; where Go has only
// one it has a second while the threads have work, unless the variable GOMAXPROCS is set. It
// keeps two descriptors for each processor, and starts threads with their first work, of four
// each.
func New() *Queue {
	q := &Queue{}
	n := max(1, runtime.GOMAXPROCS(0)-1)
	q.threads.init(n)
	q.threads.own = newProcessor()
	q.pauses.init(n)
	return q
}

// Do runs a computation that looks at so many bytes, and returns when it is over; older ones
// go first. What panics in it panics in the caller.
func (q *Queue) Do(age uint64, bytes int, compute func()) {
	if q == nil || bytes < Least {
		compute()
		return
	}
	q.threads.do(age, compute)
}

// Pass lets all others go first: those that are ready to run, and those for which something
// has come. Of many that pass the oldest goes on first, and one after another, so that each
// meets the short ones that have come since.
func (q *Queue) Pass(age uint64) {
	if q != nil {
		q.pauses.pass(age)
	}
}

// Close ends the threads and gives the descriptors back, once nothing waits. Do and Pass go
// on as those of nil.
func (q *Queue) Close() {
	q.threads.close()
	q.pauses.close()
}
