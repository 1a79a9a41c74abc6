package bulk

import (
	"runtime"
	"testing"
	"time"
)

// Beside the only processor there is a second one while there is work for the threads, and no
// longer than they may soon need it again.
func TestK5ASecondProcessorIsLent(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	q := New()
	defer q.Close()
	for range 2 {
		begun := time.Now()
		during := 0
		q.Do(First, Least, func() { during = runtime.GOMAXPROCS(0) })
		if during != 2 {
			t.Errorf("%d processors while a thread works, want 2", during)
		}
		for runtime.GOMAXPROCS(0) != 1 {
			if time.Since(begun) > time.Minute {
				t.Fatal("the processor stays")
			}
			time.Sleep(keep / 50)
		}
		if took := time.Since(begun); took < keep {
			t.Errorf("the processor is withdrawn after %v, want %v at least", took, keep)
		}
	}
}

// Who has said how many processors there are, or has several, keeps them.
func TestK5NoProcessorIsLentUnasked(t *testing.T) {
	t.Setenv("GOMAXPROCS", "1")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	judge := func(want int) {
		t.Helper()
		q := New()
		defer q.Close()
		during := 0
		q.Do(First, Least, func() { during = runtime.GOMAXPROCS(0) })
		if during != want {
			t.Errorf("%d processors while a thread works, want %d", during, want)
		}
	}
	judge(1)
	t.Setenv("GOMAXPROCS", "")
	runtime.GOMAXPROCS(3)
	judge(3)
}
