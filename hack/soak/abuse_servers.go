package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// servers are backends of HTTP/2 that do what they may not, or what they may too often.
func (a *abuse) servers() (list []*trial, err error) {
	for _, row := range []struct {
		name string
		// answers is what it does with a request, by the number of its stream.
		answers func(*script, uint32)
		// always is what it sends for ever once there is a request.
		always func(*script)
		// ends says that it ends the connection after each request.
		ends bool
	}{
		{name: "SETTINGS", always: func(s *script) { s.settings() }},
		{name: "SETTINGS that move the windows", always: func(s *script) {
			s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 30})
		}},
		{name: "PING", always: func(s *script) { _ = s.WritePing(false, [8]byte{}) }},
		{name: "WINDOW_UPDATE", always: func(s *script) { s.window(0, 1) }},
		{name: "endless CONTINUATION", always: func(s *script) { _ = s.WriteContinuation(1, false, []byte{0, 1, 'x', 1, 'y'}) },
			answers: func(s *script, id uint32) { s.respond(id, false, false) }},
		{name: "endless CONTINUATION of nothing", always: func(s *script) { _ = s.WriteContinuation(1, false, nil) },
			answers: func(s *script, id uint32) { s.respond(id, false, false) }},
		{name: "endless trailers", always: func(s *script) { _ = s.WriteContinuation(1, false, []byte{0, 1, 'x', 1, 'y'}) },
			answers: func(s *script, id uint32) {
				s.respond(id, true, false)
				_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0, 1, 'x', 1, 'y'}, EndStream: true})
			}},
		{name: "103 for ever", always: func(s *script) {
			s.fields.Reset()
			_ = s.coder.WriteField(hpack.HeaderField{Name: ":status", Value: "103"})
			_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: slices.Clone(s.fields.Bytes()), EndHeaders: true})
		}},
		{name: "empty DATA for ever", always: func(s *script) { s.data(1, 0, false) }, answers: func(s *script, id uint32) { s.respond(id, true, false) }},
		{name: "DATA beyond the window", always: func(s *script) { s.data(1, 16_000, false) }, answers: func(s *script, id uint32) { s.respond(id, true, false) }},
		{name: "DATA before the head", always: func(s *script) { s.data(1, 100, false) }},
		{name: "unknown frames", always: func(s *script) { _ = s.WriteRawFrame(0xfa, 0xff, 0, []byte("x")) }},
		{name: "PUSH_PROMISE", always: func(s *script) {
			_ = s.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: s.block(), EndHeaders: true})
		}},
		{name: "RST_STREAM after the head", answers: func(s *script, id uint32) { s.respond(id, true, false); s.reset(id) }},
		{name: "RST_STREAM of every request", answers: func(s *script, id uint32) { _ = s.WriteRSTStream(id, http2.ErrCodeRefusedStream) }},
		{name: "GOAWAY that did nothing", ends: true, answers: func(s *script, _ uint32) { _ = s.WriteGoAway(0, http2.ErrCodeNo, nil) }},
		{name: "GOAWAY with each response", answers: func(s *script, id uint32) { _ = s.WriteGoAway(id, http2.ErrCodeNo, nil); s.respond(id, true, true) }},
		{name: "GOAWAY for ever", always: func(s *script) { _ = s.WriteGoAway(1<<31-1, http2.ErrCodeNo, []byte("x")) }},
		{name: "a window of 0", answers: func(*script, uint32) {}},
		{name: "a length that is too long", answers: func(s *script, id uint32) { s.length(id, "100"); s.data(id, 10, true) }},
		{name: "a length that is too short", answers: func(s *script, id uint32) { s.length(id, "1"); s.data(id, 10, true) }},
		{name: "a length that is none", answers: func(s *script, id uint32) { s.length(id, strings.Repeat("9", 40)); s.data(id, 10, true) }},
		{name: "an end at once", ends: true, answers: func(*script, uint32) {}},
	} {
		h := &hostile{answers: row.answers, always: row.always, ends: row.ends, closed: row.name == "a window of 0"}
		list = append(list, &trial{
			name: "backends: " + row.name, servers: slices.Repeat([]func(net.Conn){h.serve}, memoryBackends), load: flood(10, span, []byte(`{"x":"`+strings.Repeat("x", 1000)+`"}`)),
			modify: func(r *routeconfig.Route) {
				for i := range r.Backends {
					r.Backends[i].Protocol = routeconfig.ProtocolH2C
				}
			},
		})
	}
	return list, nil
}

// hostile is a server of HTTP/2.
type hostile struct {
	answers func(*script, uint32)
	always  func(*script)
	ends    bool
	closed  bool // its window is 0
}

// serve is one connection.
func (h *hostile) serve(conn net.Conn) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	s := newScript()
	if h.closed {
		s.settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	} else {
		s.settings()
	}
	if _, err := conn.Write(s.take()); err != nil {
		return
	}
	flooding := false
	for reader := http2.NewFramer(nil, conn); ; {
		frame, err := reader.ReadFrame()
		if err != nil && !errors.As(err, new(http2.StreamError)) {
			return
		}
		head, ok := frame.(*http2.HeadersFrame)
		if !ok {
			continue
		}
		if !h.answer(conn, s, head.StreamID) {
			return
		}
		if h.always != nil && !flooding {
			flooding = true
			go flood2(conn, s.fill(func() { h.always(s) }))
		}
	}
}

// answer reports whether the connection goes on.
func (h *hostile) answer(conn net.Conn, s *script, id uint32) bool {
	if h.answers != nil {
		h.answers(s, id)
	}
	_, err := conn.Write(s.take())
	return err == nil && !h.ends
}

// flood2 writes the same until the connection ends.
func flood2(conn net.Conn, frames []byte) {
	for {
		if _, err := conn.Write(frames); err != nil {
			return
		}
	}
}

// respond writes the head of a response.
func (s *script) respond(id uint32, ended, last bool) {
	s.fields.Reset()
	_ = s.coder.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: slices.Clone(s.fields.Bytes()), EndHeaders: ended, EndStream: last})
}

// length writes one with a length.
func (s *script) length(id uint32, length string) {
	s.fields.Reset()
	_ = s.coder.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = s.coder.WriteField(hpack.HeaderField{Name: "content-length", Value: length})
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: slices.Clone(s.fields.Bytes()), EndHeaders: true})
}

// askWith asks with a target, and the fields of a head of HTTP/1.
func (s *script) askWith(id uint32, target, fields string) {
	s.fields.Reset()
	list := []hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: listenerName}, {Name: ":path", Value: target},
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(fields, "\r\n"), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			list = append(list, hpack.HeaderField{Name: strings.ToLower(name), Value: value, Sensitive: true}) // in no table: it comes whole each time
		}
	}
	for _, f := range list {
		_ = s.coder.WriteField(f) // into memory
	}
	block := bytes.Clone(s.fields.Bytes())
	const most = 16 << 10
	first := block[:min(len(block), most)]
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: true, EndHeaders: len(first) == len(block)})
	for rest := block[len(first):]; len(rest) > 0; {
		part := rest[:min(len(rest), most)]
		rest = rest[len(part):]
		_ = s.WriteContinuation(id, len(rest) == 0, part)
	}
}

// serveRaw starts a backend for each function, which has a connection until it returns.
func serveRaw(servers []func(net.Conn)) (urls []string, stop func(), err error) {
	var listeners []net.Listener
	stop = func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}
	for _, serve := range servers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, stop, fmt.Errorf("start backend: %w", err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				go func() {
					defer func() { _ = conn.Close() }()
					serve(conn)
				}()
			}
		}()
		listeners, urls = append(listeners, l), append(urls, "http://"+l.Addr().String()+"/")
	}
	return urls, stop, nil
}
