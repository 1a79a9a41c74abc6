package bulk

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// keep is how long the threads keep a processor that they may soon need again.
const keep = time.Second

// processor is one that the threads have beside the only one of the others. Without it a
// thread of low priority would have the only one, and all others would wait for it. With it
// the kernel has two threads of the usual priority to choose from whenever this one has
// nothing to do, and takes them in turns of up to 4 ms, in the middle of a call: so it is
// there only while there is work for it, and for keep after that.
type processor struct {
	mu    sync.Mutex
	lent  bool // Go has two
	users int
	end   *time.Timer
}

// newProcessor is nil, for which nothing is done, where Go has several already, or where
// somebody has said how many.
func newProcessor() *processor {
	if runtime.GOMAXPROCS(0) > 1 || os.Getenv("GOMAXPROCS") != "" {
		return nil
	}
	p := &processor{}
	p.end = time.AfterFunc(keep, p.withdraw)
	p.end.Stop()
	return p
}

// lend gives Go a second processor. Where a collection goes on it waits for its end.
func (p *processor) lend() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
	p.end.Stop()
	if !p.lent {
		p.lent = true
		runtime.GOMAXPROCS(2)
	}
}

// giveBack says that one who wanted it is through.
func (p *processor) giveBack() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 {
		p.end.Reset(keep)
	}
}

func (p *processor) withdraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == 0 && p.lent {
		p.lent = false
		runtime.GOMAXPROCS(1)
	}
}
