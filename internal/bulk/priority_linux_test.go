package bulk

import (
	"runtime"
	"syscall"
	"testing"
)

// The threads give way, and nobody else.
func TestK5ThreadsGiveWay(t *testing.T) {
	t.Parallel()
	priority := func() int {
		p, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0) // 20 less the nice value
		if err != nil {
			t.Error(err)
		}
		return p
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := priority()
	var during int
	q := New()
	defer q.Close()
	q.Do(First, Least, func() { during = priority() })
	if during != 20-nice || priority() != before {
		t.Errorf("priority %d on the thread, %d here, want %d and %d", during, priority(), 20-nice, before)
	}
}
