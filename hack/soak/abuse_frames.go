package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// piece is about how much is written at once, in bytes: frames by the thousand.
const piece = 32 << 10

// frames are floods of what HTTP/2 allows, and what it does not.
func (a *abuse) frames() (list []*trial, err error) {
	small := same("application/json", []byte(`{"ok":true}`))
	for _, row := range []struct {
		name string
		talk func(context.Context, net.Conn, int) error
		deaf bool
	}{
		{name: "rapid reset", talk: streams(1, func(s *script, id uint32) { s.ask(id, true); s.reset(id) })},
		{name: "rapid reset of requests with bodies", talk: streams(1, func(s *script, id uint32) { s.ask(id, false); s.data(id, 64, false); s.reset(id) })},
		{name: "streams ended by what is wrong with them", talk: streams(1, func(s *script, id uint32) { s.ask(id, false); s.window(id, 0) })},
		{name: "endless CONTINUATION of small pieces", talk: endless(16)},
		{name: "endless CONTINUATION of nothing", talk: endless(0)},
		{name: "endless CONTINUATION of large pieces", talk: endless(16000)},
		{name: "SETTINGS", talk: repeated(func(s *script) { s.settings() })},
		{name: "SETTINGS to a client that does not read", deaf: true, talk: repeated(func(s *script) { s.settings() })},
		{name: "SETTINGS that move the windows of 100 streams", talk: withStreams(100, func(s *script) {
			s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
			s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 20})
		})},
		{name: "SETTINGS that move the table of fields", talk: repeated(func(s *script) {
			s.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
			s.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 30})
		})},
		{name: "PING", talk: repeated(func(s *script) { _ = s.WritePing(false, [8]byte{}) })},
		{name: "PING to a client that does not read", deaf: true, talk: repeated(func(s *script) { _ = s.WritePing(false, [8]byte{}) })},
		{name: "answers to PING that nobody sent", talk: repeated(func(s *script) { _ = s.WritePing(true, [8]byte{}) })},
		{name: "PRIORITY", talk: repeated(func(s *script) { _ = s.WritePriority(s.next(), http2.PriorityParam{StreamDep: 0, Weight: 7}) })},
		{name: "WINDOW_UPDATE of the connection", talk: repeated(func(s *script) { s.window(0, 1) })},
		{name: "WINDOW_UPDATE of 100 streams", talk: withStreams(100, func(s *script) { s.window(uint32(1+2*(s.n%100)), 1); s.n++ })},
		{name: "empty DATA", talk: withStreams(1, func(s *script) { s.data(1, 0, false) })},
		{name: "DATA of padding", talk: withStreams(1, func(s *script) { _ = s.WriteDataPadded(1, false, nil, make([]byte, 255)) })},
		{name: "DATA by the byte on 100 streams", talk: withStreams(100, func(s *script) { s.data(uint32(1+2*(s.n%100)), 1, false); s.n++ })},
		{name: "RST_STREAM of streams that are over", talk: withStreams(1, func(s *script) { s.reset(1) })},
		{name: "unknown frames", talk: repeated(func(s *script) { _ = s.WriteRawFrame(0xfa, 0xff, 0, []byte("x")) })},
		{name: "all 256 types of frames", talk: a.kinds},
		{name: "requests by the 100, of which no response is read", deaf: true, talk: unread},
		{name: "fields that name a long one again and again", talk: streams(1, func(s *script, id uint32) { s.bomb(id) })},
		{name: "a thousand pieces of a preface", talk: over([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))},
	} {
		list = append(list, a.overTLS(&trial{
			name: "HTTP/2: " + row.name, handlers: small,
			load: (&crowding{connections: 20, secure: a.secure, talk: row.talk, deaf: row.deaf}).load,
		}))
	}
	return list, nil
}

// script writes frames into memory.
type script struct {
	*http2.Framer

	out    bytes.Buffer
	fields bytes.Buffer
	coder  *hpack.Encoder
	stream uint32
	n      int
}

func newScript() *script {
	s := &script{}
	s.Framer = http2.NewFramer(&s.out, nil)
	s.AllowIllegalWrites = true
	s.coder = hpack.NewEncoder(&s.fields)
	return s
}

// begin writes what a client begins with.
func (s *script) begin() {
	s.out.WriteString(http2.ClientPreface)
	s.settings()
}

func (s *script) settings(list ...http2.Setting) { _ = s.WriteSettings(list...) }

// take is what was written since.
func (s *script) take() []byte {
	b := slices.Clone(s.out.Bytes())
	s.out.Reset()
	return b
}

// next is a further stream of a client's.
func (s *script) next() uint32 {
	if s.stream == 0 {
		s.stream = 1
		return 1
	}
	s.stream += 2
	return s.stream
}

func (s *script) block(more ...hpack.HeaderField) []byte {
	s.fields.Reset()
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "soak.example"}, {Name: ":path", Value: "/"},
	}, more...) {
		_ = s.coder.WriteField(f) // into memory
	}
	return slices.Clone(s.fields.Bytes())
}

func (s *script) ask(id uint32, ends bool) {
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.block(), EndStream: ends, EndHeaders: true})
}

// bomb asks with a field of 4,000 bytes that is written once and named 4,000 times.
func (s *script) bomb(id uint32) {
	long := hpack.HeaderField{Name: "x-long", Value: strings.Repeat("v", 3900)}
	block := s.block(slices.Repeat([]hpack.HeaderField{long}, 4000)...)
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true})
}

func (s *script) reset(id uint32) { _ = s.WriteRSTStream(id, http2.ErrCodeCancel) }

func (s *script) window(id, by uint32) { _ = s.WriteWindowUpdate(id, by) }

func (s *script) data(id uint32, size int, ends bool) { _ = s.WriteData(id, ends, make([]byte, size)) }

// fill writes until there is a piece.
func (s *script) fill(frame func()) []byte {
	for s.out.Len() < piece {
		frame()
	}
	return s.take()
}

// repeated begins, and writes the same frames for ever.
func repeated(frame func(*script)) func(context.Context, net.Conn, int) error {
	return withStreams(0, frame)
}

// withStreams opens streams whose requests never end, and writes frames for ever.
func withStreams(n int, frame func(*script)) func(context.Context, net.Conn, int) error {
	return func(ctx context.Context, conn net.Conn, client int) error {
		s := newScript()
		s.begin()
		for range n {
			s.ask(s.next(), false)
		}
		if _, err := conn.Write(s.take()); err != nil {
			return err // it has ended
		}
		return over(s.fill(func() { frame(s) }))(ctx, conn, client)
	}
}

// streams writes frames for one stream after another; every is how many of them are skipped.
func streams(every int, frames func(*script, uint32)) func(context.Context, net.Conn, int) error {
	return func(ctx context.Context, conn net.Conn, _ int) error {
		s := newScript()
		s.begin()
		for ctx.Err() == nil && s.stream < 1<<30 {
			part := s.fill(func() {
				for range every - 1 {
					s.next()
				}
				frames(s, s.next())
			})
			if _, err := conn.Write(part); err != nil {
				return err // it has ended
			}
		}
		return nil
	}
}

// endless is a head that never ends, in pieces of a size.
func endless(size int) func(context.Context, net.Conn, int) error {
	return func(ctx context.Context, conn net.Conn, client int) error {
		s := newScript()
		s.begin()
		_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: s.block()})
		if _, err := conn.Write(s.take()); err != nil {
			return err // it has ended
		}
		var fields []byte
		for len(fields) < size { // literal fields without index (RFC 7541, section 6.2.2)
			fields = append(fields, 0x00, 0x01, 'x', 0x0c)
			fields = append(fields, "valuevalueva"...)
		}
		return over(s.fill(func() { _ = s.WriteContinuation(1, false, fields[:len(fields)/16*16]) }))(ctx, conn, client)
	}
}

// unread are requests of a client whose window is 0, on as many streams as there may be.
func unread(ctx context.Context, conn net.Conn, _ int) error {
	s := newScript()
	s.out.WriteString(http2.ClientPreface)
	s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for range 100 {
		s.ask(s.next(), true)
	}
	if _, err := conn.Write(s.take()); err != nil {
		return err // it has ended
	}
	<-ctx.Done()
	return nil
}

// kinds goes through all types of frames, in an order and with flags, streams and lengths of
// the seed's. What is not allowed ends the connection, so that each begins with another one.
func (a *abuse) kinds(ctx context.Context, conn net.Conn, client int) error {
	random := rand.New(rand.NewPCG(a.seed, uint64(client)<<32|rand.Uint64N(1<<32)))
	s := newScript()
	s.begin()
	for range random.IntN(3) {
		s.ask(s.next(), random.IntN(2) == 0)
	}
	for ctx.Err() == nil {
		for _, kind := range random.Perm(256) {
			s.odd(random, byte(kind))
		}
		if _, err := conn.Write(s.take()); err != nil {
			return err // it has ended
		}
	}
	return nil
}

// odd writes a frame of a type, of which the rest is chance.
func (s *script) odd(random *rand.Rand, kind byte) {
	payload := make([]byte, []int{0, 1, 4, 5, 6, 8, 9, 64, 1000, 16384}[random.IntN(10)])
	for i := 0; i+8 <= len(payload) && random.IntN(2) == 0; i += 8 {
		binary.BigEndian.PutUint64(payload[i:], random.Uint64())
	}
	stream := []uint32{0, 1, 2, 3, 5, 101, 1<<31 - 1}[random.IntN(7)]
	_ = s.WriteRawFrame(http2.FrameType(kind), http2.Flags(random.Uint32()), stream, payload)
}
