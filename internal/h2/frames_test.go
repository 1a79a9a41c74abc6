package h2

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"golang.org/x/net/http2"
)

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn

	kept bytes.Buffer
}

// Write implements net.Conn.
func (s *sink) Write(b []byte) (int, error) { return s.kept.Write(b) }

// A question stands between frames and never within the fields of a request, however the
// bytes are cut; nothing of what was written is lost.
func TestQuestionsStandBetweenFrames(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 8))
	for range 200 {
		var plain bytes.Buffer
		plain.WriteString(http2.ClientPreface)
		framer := http2.NewFramer(&plain, nil)
		_ = framer.WriteSettings()
		frames := 1
		for stream := uint32(1); stream < 20; stream += 2 {
			more := random.IntN(3)
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: make([]byte, random.IntN(100)), EndHeaders: more == 0})
			for ; more > 0; more-- {
				_ = framer.WriteContinuation(stream, more == 1, make([]byte, random.IntN(100)))
				frames++
			}
			_ = framer.WriteData(stream, true, make([]byte, random.IntN(100)))
			frames += 2
		}
		out := &sink{}
		f := newFrames(out, func() {}, func() {})
		asked := 0
		for rest := plain.Bytes(); len(rest) > 0; {
			n := min(1+random.IntN(50), len(rest))
			_, _ = f.Write(rest[:n])
			rest = rest[n:]
			if random.IntN(10) == 0 {
				f.ask()
				asked++
			}
		}
		f.ask()
		_ = out.kept.Next(len(http2.ClientPreface))
		pings := 0
		read := http2.NewFramer(nil, &out.kept)
		for {
			frame, err := read.ReadFrame()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := frame.(*http2.PingFrame); ok {
				pings++
				continue
			}
			frames--
		}
		if frames != 0 || pings == 0 || pings > asked+1 {
			t.Fatalf("%d frames are missing; %d questions of %d", frames, pings, asked+1)
		}
	}
}
