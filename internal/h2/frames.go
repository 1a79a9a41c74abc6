package h2

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	preface      = 24 // bytes that a client begins with (RFC 9113, section 3.4)
	frameHead    = 9
	pingSize     = frameHead + 8
	typeData     = 0x0
	typeHeaders  = 0x1
	typeSettings = 0x4
	typePing     = 0x6
	typeMore     = 0x9 // CONTINUATION
	endHeaders   = 0x4
	flagAck      = 0x1
	// turn is how many frames a server may send until others have their turn. One of the
	// content of a response counts where it is smaller than smallest, in bytes, and one that
	// is to be answered as four: that takes a system call.
	turn     = 64
	smallest = 512
	answered = 4
	// leastPiece and mostPiece are how much is read at once, in bytes. net/http handles all of it before
	// it reads on, and the 4 KiB that it asks for may be 450 frames.
	leastPiece, mostPiece = 128, 64 << 10
	// goodbye is how long TLS may take to say that it closes.
	goodbye = 250 * time.Millisecond
)

// frames are the bytes below HTTP/2. net/http tells nobody when it knows the server's
// settings, nor when it last heard of it, and sends no PING when it is asked to: all
// three are known here.
type frames struct {
	conn below

	agreed chan struct{} // closed when the server's settings hold
	done   chan struct{} // closed when the connection is
	closed func()
	once   sync.Once

	read    atomic.Int64 // bytes
	written atomic.Int64
	// heard is what was written when something was last read.
	heard atomic.Int64
	// content is how many frames of responses were read.
	content atomic.Int64

	// The reader's alone.
	first []byte // of what was read, for the length of the settings
	in    cursor
	run   int // frames since others had their turn
	piece int // bytes that are read at once
	// pause lets others go first. net/http reads frames as long as there are some, and a
	// server that sends them faster than they are handled would never be waited for.
	pause func()

	mu   sync.Mutex // of writing
	out  cursor
	open bool // in the middle of fields, where no other frame may be (section 4.3)
	owed bool // a PING, at the next frame
}

// cursor is where a stream of frames is that comes in pieces.
type cursor struct {
	skip int    // bytes until the next frame
	head []byte // of a frame of which not all has come
}

// pass goes on by a piece, and tells of each frame that begins in it.
func (c *cursor) pass(b []byte, begins func(kind, flags byte, size int)) {
	for len(b) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(b))
			c.skip -= n
			b = b[n:]
			continue
		}
		n := min(frameHead-len(c.head), len(b))
		c.head = append(c.head, b[:n]...)
		b = b[n:]
		if len(c.head) < frameHead {
			return
		}
		c.skip = length(c.head)
		begins(c.head[3], c.head[4], c.skip)
		c.head = c.head[:0]
	}
}

// between reports whether a frame may begin.
func (c *cursor) between() bool { return c.skip == 0 && len(c.head) == 0 }

// newFrames stands below a client. closed is called once.
func newFrames(conn net.Conn, pause, closed func()) *frames {
	f := &frames{
		pause: pause, agreed: make(chan struct{}), done: make(chan struct{}), closed: closed, out: cursor{skip: preface}, piece: mostPiece,
	}
	f.conn.Store(&conn)
	return f
}

// Read implements net.Conn. The one goroutine that reads has handled all that it has read
// before it reads on.
func (f *frames) Read(b []byte) (int, error) {
	if len(f.first) == 3 && f.read.Load() >= frameHead+int64(length(f.first)) {
		f.first = append(f.first, 0) // once
		close(f.agreed)
	}
	if f.run >= turn {
		f.run = 0
		f.pause()
	}
	n, err := (*f.conn.Load()).Read(b[:min(len(b), f.piece)])
	if n > 0 {
		before := f.run
		f.in.pass(b[:n], f.count)
		f.piece = min(2*f.piece, mostPiece)
		if cost := f.run - before; cost > turn {
			f.piece = max(n*turn/cost, leastPiece)
		}
		f.heard.Store(f.written.Load())
		f.read.Add(int64(n))
	}
	if missing := 3 - len(f.first); missing > 0 {
		f.first = append(f.first, b[:min(n, missing)]...)
	}
	return n, err // net/http asks for the kind
}

// count reckons what a frame costs.
func (f *frames) count(kind, flags byte, size int) {
	if kind == typeData || kind == typeHeaders {
		f.content.Add(1)
	}
	switch {
	case kind == typeData && size >= smallest:
	case (kind == typeSettings || kind == typePing) && flags&flagAck == 0:
		f.run += answered
	default:
		f.run++
	}
}

// Write implements net.Conn.
func (f *frames) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out.pass(b, func(kind, flags byte, _ int) {
		if kind == typeHeaders || kind == typeMore {
			f.open = flags&endHeaders == 0
		}
	})
	f.written.Add(int64(len(b)))
	n, err := (*f.conn.Load()).Write(b)
	if err == nil && f.owed {
		f.ping()
	}
	return n, err // net/http asks for the kind
}

// ask sends a PING (RFC 9113, section 6.7) as soon as a frame may begin. net/http takes
// its answer for one to a question of its own that it has forgotten.
func (f *frames) ask() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owed = true
	f.ping()
}

func (f *frames) ping() {
	if !f.out.between() || f.open {
		return
	}
	f.owed = false
	f.written.Add(pingSize)
	_, _ = (*f.conn.Load()).Write([]byte{2: pingSize - frameHead, 3: typePing, pingSize - 1: 0}) // what fails is silent
}

// unheard is how many bytes were written since something was last read.
func (f *frames) unheard() int64 { return f.written.Load() - f.heard.Load() }

// Close implements net.Conn.
func (f *frames) Close() (err error) {
	f.once.Do(func() {
		conn := *f.conn.Load()
		if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
			timer := time.AfterFunc(goodbye, func() { _ = secured.NetConn().Close() })
			defer timer.Stop()
		}
		err = conn.Close()
		f.conn.end()
		close(f.done)
		f.closed()
	})
	return err
}

func length(head []byte) int { return int(head[0])<<16 | int(head[1])<<8 | int(head[2]) }
