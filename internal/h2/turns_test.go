package h2

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
)

// source is a connection on which all has come already.
type source struct {
	net.Conn

	rest io.Reader
}

// Read implements net.Conn.
func (s *source) Read(b []byte) (int, error) { return s.rest.Read(b) }

// A server that sends frames faster than they are handled lets others go first now and then;
// one that sends a response does not.
func TestFramesOfAServerPassInTurns(t *testing.T) {
	t.Parallel()
	repeat := func(n int, write func(*http2.Framer) error) func(*http2.Framer) {
		return func(f *http2.Framer) {
			for range n {
				_ = write(f) // into memory
			}
		}
	}
	data := func(size int) func(*http2.Framer) error {
		return func(f *http2.Framer) error { return f.WriteData(1, false, make([]byte, size)) }
	}
	for name, row := range map[string]struct {
		write  func(*http2.Framer)
		pauses int
	}{
		"a large response": {repeat(10*turn, data(16<<10)), 0},
		"less than a turn": {repeat(turn-1, func(f *http2.Framer) error { return f.WriteWindowUpdate(1, 1) }), 0},
		"three turns":      {repeat(3*turn+20, func(f *http2.Framer) error { return f.WriteWindowUpdate(1, 1) }), 3},
		"what is answered": {repeat(4*turn/answered-1, func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 14})
		}), 3},
		"questions":           {repeat(4*turn/answered-1, func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) }), 3},
		"answers":             {repeat(turn-1, func(f *http2.Framer) error { return f.WriteSettingsAck() }), 0},
		"empty content":       {repeat(3*turn+20, data(0)), 3},
		"content by the byte": {repeat(3*turn+20, data(1)), 3},
		"pieces of fields":    {repeat(3*turn+20, func(f *http2.Framer) error { return f.WriteContinuation(1, false, make([]byte, 1000)) }), 3},
		"informational answers": {repeat(3*turn+20, func(f *http2.Framer) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 20), EndHeaders: true})
		}), 3},
	} {
		var text bytes.Buffer
		f := http2.NewFramer(&text, nil)
		f.AllowIllegalWrites = true
		row.write(f)
		want := bytes.Clone(text.Bytes())
		for _, size := range []int{9, 100} { // pieces in which it is read
			pauses := 0
			frames := newFrames(&source{rest: bytes.NewReader(want)}, func() { pauses++ }, func() {})
			got, err := io.ReadAll(io.LimitReader(struct{ io.Reader }{readBy(frames, size)}, int64(len(want))))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes were read of %d, error %v", name, len(got), len(want), err)
			}
			if pauses != row.pauses {
				t.Errorf("%s: others had their turn %d times, want %d", name, pauses, row.pauses)
			}
		}
	}
}

// What net/http asks for at once may be many frames. It gets as many as are a turn, once it has
// been seen that they are small.
func TestFramesOfAServerAreReadInPieces(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		write func(*http2.Framer) error
		most  int // of them in a turn
	}{
		"small ones":            {func(f *http2.Framer) error { return f.WriteWindowUpdate(1, 1) }, 2 * turn},
		"those that it answers": {func(f *http2.Framer) error { return f.WriteSettings() }, 2 * turn / answered},
		"large ones":            {func(f *http2.Framer) error { return f.WriteData(1, false, make([]byte, 1000)) }, 1 << 20},
	} {
		var text bytes.Buffer
		f := http2.NewFramer(&text, nil)
		for range 10 * turn {
			_ = row.write(f) // into memory
		}
		size := text.Len() / (10 * turn)
		frames := newFrames(&source{rest: &text}, func() {}, func() {})
		buffer := make([]byte, 4<<10)
		first, _ := frames.Read(buffer)
		if first != len(buffer) {
			t.Errorf("%s: %d bytes came first, want all that there is room for", name, first)
		}
		for text.Len() > 0 {
			n, err := frames.Read(buffer)
			if most := min(row.most*size, len(buffer)); err != nil || n > most || n < min(most/4, text.Len()) {
				t.Errorf("%s: %d bytes at once, error %v, want at most %d", name, n, err, most)
			}
		}
	}
}

// readBy reads in pieces.
func readBy(r io.Reader, size int) io.Reader {
	return readers(func(b []byte) (int, error) { return r.Read(b[:min(len(b), size)]) })
}

type readers func([]byte) (int, error)

// Read implements io.Reader.
func (r readers) Read(b []byte) (int, error) { return r(b) }
