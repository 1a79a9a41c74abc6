package proxy

import "time"

const (
	frameHead    = 9 // bytes (RFC 9113, section 4.1)
	frameHeaders = 0x1
	// turn is what the frames of a client may cost until others have their turn. A frame
	// costs one and one more for each perFrame of its bytes, and the head of a request, which
	// makes work for all backends of a route, half a turn.
	turn     = 32
	perFrame = 512
	perCall  = turn / 2
	// perRequest is what a request of HTTP/1 costs, and one for each perSpan that it takes where
	// that is more: to judge a body of 1 KB may take a millisecond. net/http reads them one after
	// another, too, as many as a client has sent ahead.
	perRequest = turn / 8
	perSpan    = 500 * time.Microsecond / turn
)

// flow reckons what the requests of a client cost as they pass, of HTTP/2 by their frames. net/http reads them one
// after another, as many as have come, and answers some at once: a client that sends frames
// faster than they are handled would never be waited for, and everybody else would wait. It
// is for the goroutine that reads.
type flow struct {
	skip  int // bytes until the next frame
	head  [frameHead]byte
	n     int // bytes of a head of which not all has come
	spent int
}

// see looks at what was read.
func (f *flow) see(b []byte) {
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(b))
			f.skip -= n
			b = b[n:]
			continue
		}
		n := copy(f.head[f.n:], b)
		f.n += n
		b = b[n:]
		if f.n < frameHead {
			return
		}
		f.n = 0
		f.skip = int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2])
		f.spent += 1 + f.skip/perFrame
		if f.head[3] == frameHeaders {
			f.spent += perCall
		}
	}
}

// over reports whether others have their turn now, and begins the next one.
func (f *flow) over() bool {
	if f.spent < turn {
		return false
	}
	f.spent = 0
	return true
}
