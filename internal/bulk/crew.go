package bulk

import (
	"os"
	"runtime"
)

// crew is a thread of low priority, and the two pipes at which it meets who has work for it.
//
// A goroutine that is bound to a thread gets its processor from whoever makes it run, with all
// that waits there to run, and what it makes run itself waits there in turn: all of them for
// the lowest priority (measured beside one other busy process: 50 ms). So nobody wakes the
// thread but the kernel, which does while no other has anything to do, and it takes a
// processor that nobody has; and it wakes nobody but through the kernel.
type crew struct {
	begin, end     *os.File // who has work for it writes to begin and reads from end
	begins, ending *os.File // the thread's ends of both
	job            *job
}

// newCrew starts a thread; where there are no more descriptors there is none.
func newCrew() *crew {
	c := &crew{}
	var err error
	if c.begins, c.begin, err = os.Pipe(); err != nil {
		return c
	}
	if c.end, c.ending, err = os.Pipe(); err != nil {
		_, _ = c.begin.Close(), c.begins.Close()
		c.begin = nil
		return c
	}
	_ = c.begins.Fd() // whoever reads from it from now on has the thread wait, and not the goroutine
	go c.thread()
	return c
}

// run has the thread do a job.
func (c *crew) run(j *job) {
	if c.begin == nil {
		j.run()
		return
	}
	c.job = j
	var b [1]byte
	_, _ = c.begin.Write(b[:])
	_, _ = c.end.Read(b[:])
	c.job = nil
}

// thread ends with its goroutine, which stays locked: a priority can be lowered and never
// raised again.
func (c *crew) thread() {
	runtime.LockOSThread()
	giveWay()
	for b := [1]byte{}; ; {
		if n, _ := c.begins.Read(b[:]); n == 0 {
			break
		}
		c.job.run()
		_, _ = c.ending.Write(b[:])
	}
	_, _ = c.begins.Close(), c.ending.Close()
}

// close ends the thread.
func (c *crew) close() {
	if c.begin != nil {
		_, _ = c.begin.Close(), c.end.Close()
	}
}
