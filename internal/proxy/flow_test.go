package proxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/fanout-operator/fanout/internal/bulk"
)

// frames are those that write makes, of a client.
func framesOf(write func(*http2.Framer)) []byte {
	var out bytes.Buffer
	f := http2.NewFramer(&out, nil)
	f.AllowIllegalWrites = true
	write(f)
	return out.Bytes()
}

func pings(n int) []byte {
	return framesOf(func(f *http2.Framer) {
		for range n {
			_ = f.WritePing(false, [8]byte{})
		}
	})
}

// What makes work for others ends a turn early; what is one frame in many reads is one frame.
func TestTurnsEndByWhatFramesCost(t *testing.T) {
	t.Parallel()
	headers := func(size int) []byte {
		return framesOf(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, size), EndHeaders: true})
		})
	}
	data := func(size int) []byte {
		return framesOf(func(f *http2.Framer) { _ = f.WriteData(1, false, make([]byte, size)) })
	}
	for name, row := range map[string]struct {
		frames []byte
		over   bool
	}{
		"nothing":                         {nil, false},
		"one request":                     {headers(100), false},
		"two requests":                    {append(headers(100), headers(100)...), true},
		"a request of a large head":       {headers(10_000), true},
		"a turn's PINGs but one":          {pings(turn - 1), false},
		"a turn's PINGs":                  {pings(turn), true},
		"a small body":                    {data(4_000), false},
		"a body":                          {data(16 << 10), true},
		"half a head of a frame":          {pings(turn)[:17*turn-12], false},
		"a frame that nobody knows":       {framesOf(func(f *http2.Framer) { _ = f.WriteRawFrame(0xfa, 0, 0, make([]byte, 16<<10)) }), true},
		"bytes that look like one":        {append(data(9*100), []byte("x")...), false},
		"a request and its short body":    {append(headers(100), data(64)...), false},
		"requests that are taken back":    {append(append(headers(9), framesOf(func(f *http2.Framer) { _ = f.WriteRSTStream(1, 8) })...), headers(9)...), true},
		"settings between two requests":   {append(append(headers(9), framesOf(func(f *http2.Framer) { _ = f.WriteSettings() })...), headers(9)...), true},
		"a body whose bytes are like one": {framesOf(func(f *http2.Framer) { _ = f.WriteData(1, false, pings(turn)) }), false},
	} {
		var whole, pieces flow
		whole.see(row.frames)
		for i := range row.frames {
			pieces.see(row.frames[i : i+1])
		}
		if got := whole.over(); got != row.over || pieces.over() != got {
			t.Errorf("%s: the turn is over: %v, want %v; cut into bytes the same: %v", name, got, row.over, pieces.spent < turn)
		}
		if row.over && (whole.over() || pieces.over()) {
			t.Errorf("%s: the next turn is over at once", name)
		}
	}
}

// conveyor is a connection on which all has come already.
type conveyor struct {
	net.Conn

	rest []byte
}

// Read implements net.Conn.
func (c *conveyor) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// A client that has sent more frames than anybody has handled lets others go first in each
// turn.
func TestFramesPassInTurns(t *testing.T) {
	t.Parallel()
	const begin = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	text := append([]byte(begin), pings(3*turn)...)
	var at []int // how much was read when others had their turn
	clients, got := newClients(1, time.Second), []byte{}
	clients.pass = func(uint64) { at = append(at, len(got)) }
	c := &client{Conn: &conveyor{rest: text}, clients: clients}
	for b := make([]byte, 9); len(got) < len(text); { // as net/http does, which reads no further than it needs
		n, err := c.Read(b[:min(len(b), len(text)-len(got))])
		got = append(got, b[:n]...)
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, text) {
		t.Error("other bytes were read than had come")
	}
	if want := []int{len(begin) + 17*turn, len(begin) + 17*2*turn}; !slices.EqualFunc(at, want, func(at, want int) bool { return at > want-17 && at <= want+9 }) {
		t.Errorf("others had their turn after %d bytes, want about %d", at, want)
	}
}

// A client that sends requests of HTTP/1 ahead lets others go first now and then, however
// short they are and in whatever pieces they come; frames of HTTP/2 have turns of their own.
func TestRequestsPassInTurns(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reads []int
		waits int // the read that waits; 0 for none
		takes time.Duration
		want  int
	}{
		"nothing is read: it had all come":       {nil, 0, 0, 3},
		"each request is read by itself":         {[]int{100}, 0, 0, 3},
		"more comes before it is over":           {[]int{100, 1}, 0, 0, 3},
		"net/http looks whether it has left":     {[]int{100, 1}, 2, 0, 3},
		"each request takes long":                {[]int{100}, 0, time.Millisecond, 25},
		"the client waits for each response":     {[]int{100, 1}, 1, 0, 0},
		"it waits for those that take long, too": {[]int{100, 1}, 1, time.Millisecond, 0},
	} {
		clients, passes := newClients(1, time.Second), 0
		clients.pass = func(uint64) { passes++ }
		c := &client{Conn: &conveyor{rest: bytes.Repeat([]byte("a"), 1<<20)}, clients: clients, socket: &socket{}}
		for range 3*turn/perRequest + 1 {
			clients.changed(c, http.StateActive)
			for i, n := range row.reads {
				c.socket.waited = i+1 == row.waits
				if _, err := c.Read(make([]byte, n)); err != nil {
					t.Fatal(err)
				}
			}
			c.waits.Store(int64(time.Since(clients.began) - row.takes))
			clients.changed(c, http.StateIdle)
		}
		if passes != row.want {
			t.Errorf("%s: others had their turn %d times, want %d", name, passes, row.want)
		}
		passes, c.flow.spent = 0, 0
		c.head.binary.Store(true)
		for range 3 * turn / perRequest {
			clients.changed(c, http.StateIdle)
		}
		if passes != 0 {
			t.Error("a connection of HTTP/2 that is idle takes turns")
		}
	}
}

// A body lets others go first by what comes on the wire, of which little may be in it.
func TestBodiesPassByTheWire(t *testing.T) {
	t.Parallel()
	const begin = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	clients, passes := newClients(1, time.Second), 0
	clients.pass = func(uint64) { passes++ }
	c := &client{Conn: &conveyor{rest: []byte(begin + strings.Repeat("1\r\na\r\n", 4*bulk.Least/6))}, clients: clients}
	b := make([]byte, 1200) // as a record of TLS has it, of which there may well be a further one
	if _, err := c.Read(b[:len(begin)]); err != nil {
		t.Fatal(err)
	}
	c.head.over()
	for err := error(nil); err == nil; {
		_, err = c.Read(b)
	}
	if passes != 3 {
		t.Errorf("others had their turn %d times in 4 × 64 KiB, want 3", passes)
	}
}
