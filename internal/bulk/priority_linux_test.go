package bulk

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The threads give way, and nobody else.
func TestK5ThreadsGiveWay(t *testing.T) {
	t.Parallel()
	attributes := func() *unix.SchedAttr {
		a, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Error(err)
			return &unix.SchedAttr{}
		}
		return a
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := attributes()
	var during *unix.SchedAttr
	q := New()
	defer q.Close()
	q.Do(First, Least, func() { during = attributes() })
	if after := attributes(); during.Nice != nice || *after != *before {
		t.Errorf("%+v on the thread, %+v here before and %+v after, want nice %d", during, before, after, nice)
	}
	// A kernel that cannot be told says 0.
	if got := time.Duration(during.Runtime); got != 0 && got != slice {
		t.Errorf("turns of %v, want %v", got, slice)
	}
}
