package bulk

import (
	"net"
	"os"
	"runtime"
)

// Pacer interrupts. Its methods are safe for concurrent use, and do nothing on nil.
type Pacer struct{ pipes chan *pipe }

// NewPacer returns a Pacer that lets as many goroutines pass at once as Go has processors. It
// keeps two descriptors for each; where there are none left it is nil.
func NewPacer() *Pacer {
	n := runtime.GOMAXPROCS(0)
	p := &Pacer{make(chan *pipe, n)}
	for range n {
		out, in, err := os.Pipe()
		if err != nil {
			break
		}
		p.pipes <- &pipe{out, in}
	}
	if len(p.pipes) == 0 {
		return nil
	}
	return p
}

// Pass lets all others go first: those that are ready to run, and those for which something
// has come. Of many that pass one after another goes on, so that each meets the short ones
// that have come since.
func (p *Pacer) Pass() {
	if p == nil {
		return
	}
	way := <-p.pipes
	way.wait()
	p.pipes <- way
}

// Conn passes after each Least bytes that come without a pause. It is for one goroutine that
// reads. On nil it is the connection as it was.
func (p *Pacer) Conn(c net.Conn) net.Conn {
	if p == nil {
		return c
	}
	return &conn{Conn: c, pacer: p}
}

// pipe is what a goroutine waits at until the network is asked.
type pipe struct{ out, in *os.File }

func (p *pipe) wait() {
	go func() { _, _ = p.in.Write([]byte{0}) }() // runs when this one waits
	var b [1]byte
	_, _ = p.out.Read(b[:])
}

type conn struct {
	net.Conn

	pacer *Pacer
	run   Run
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	c.run.Pace(c.pacer, Least)
	n, err := c.Conn.Read(b[:min(len(b), Least)])
	c.run.Add(n)
	return n, err //nolint:wrapcheck // net/http looks at its type
}

// Run counts what a goroutine has read without a pause. It is for that goroutine alone.
type Run struct{ bytes int }

// pause is a piece so short that there was no more, in bytes: whoever reads it waits for the
// next one by itself.
const pause = 2 << 10

// Add counts a piece.
func (r *Run) Add(n int) {
	if r.bytes += n; n < pause {
		r.bytes = 0
	}
}

// Pace passes where as many bytes have been counted since it last did.
func (r *Run) Pace(p *Pacer, bytes int) {
	if r.bytes >= bytes {
		p.Pass()
		r.bytes = 0
	}
}
