package bulk

import (
	"os"
	"sync"
)

// pauses let one goroutine pass at each pipe.
type pauses struct {
	mu      sync.Mutex
	free    []*pipe
	waiting line[chan *pipe]
	closed  bool
}

// init makes pipes; where there are no more descriptors, fewer, and without any nothing
// pauses.
func (p *pauses) init(n int) {
	for range n {
		out, in, err := os.Pipe()
		if err != nil {
			break
		}
		p.free = append(p.free, &pipe{out, in})
	}
	p.closed = len(p.free) == 0
}

func (p *pauses) pass(age uint64) {
	at := p.take(age)
	if at == nil {
		return
	}
	at.wait()
	p.give(at)
}

// take waits for a pipe; nil where there are none any more.
func (p *pauses) take(age uint64) *pipe {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	if last := len(p.free) - 1; last >= 0 {
		at := p.free[last]
		p.free = p.free[:last]
		p.mu.Unlock()
		return at
	}
	turn := make(chan *pipe, 1)
	p.waiting.add(age, turn)
	p.mu.Unlock()
	return <-turn
}

// give hands a pipe to who waits.
func (p *pauses) give(at *pipe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.waiting.places) > 0:
		p.waiting.next() <- at
	case p.closed:
		at.close()
	default:
		p.free = append(p.free, at)
	}
}

func (p *pauses) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, at := range p.free {
		at.close()
	}
	p.free = nil
}

// pipe is what a goroutine waits at until the network is asked.
type pipe struct{ out, in *os.File }

func (p *pipe) wait() {
	go func() { _, _ = p.in.Write([]byte{0}) }() // runs when this one waits
	var b [1]byte
	_, _ = p.out.Read(b[:])
}

func (p *pipe) close() { _, _ = p.in.Close(), p.out.Close() }
