package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// kept is a connection that keeps what is written, and ends after so many bytes.
type kept struct {
	net.Conn

	bytes.Buffer

	most int
}

// Write implements net.Conn.
func (k *kept) Write(b []byte) (int, error) {
	if k.Len() > k.most {
		return 0, io.ErrClosedPipe
	}
	return k.Buffer.Write(b)
}

// Read is the buffer's.
func (k *kept) Read(b []byte) (int, error) { return k.Buffer.Read(b) }

// All types of frames are sent, in an order and a form of the seed's.
func TestAllTypesOfFramesAreSent(t *testing.T) {
	t.Parallel()
	conn := &kept{most: 1}
	a := &abuse{seed: 7}
	_ = a.kinds(t.Context(), conn, 3) // it ends with the connection
	begin := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, begin); err != nil || string(begin) != http2.ClientPreface {
		t.Fatalf("it begins %q, error %v", begin, err)
	}
	seen := map[byte]bool{}
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(conn, head); err != nil {
			break
		}
		seen[head[3]] = true
		_ = conn.Next(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
	}
	if len(seen) != 256 {
		t.Errorf("%d types of frames were sent", len(seen))
	}
}

// The tables hold together: no trial is there twice, each has something to do, and names what
// backends it needs.
func TestTrialsOfAbuse(t *testing.T) {
	t.Parallel()
	list, err := abuses(1)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, trial := range list {
		if seen[trial.name] || trial.load == nil || len(trial.handlers)+len(trial.servers) != memoryBackends {
			t.Errorf("%q: there twice, without a load, or with %d backends", trial.name, len(trial.handlers)+len(trial.servers))
		}
		seen[trial.name] = true
	}
	for _, part := range []string{"HTTP/2: ", "heads: ", "judged bodies: ", "slow bodies: ", "bombs: ", "callers: ", "backends: ", "backends of HTTP/1.1: "} {
		if !strings.Contains(strings.Join(names(list), "\n"), part) {
			t.Errorf("there are no trials of %q", part)
		}
	}
}

func names(list []*trial) (names []string) {
	for _, trial := range list {
		names = append(names, trial.name)
	}
	return names
}

// A bomb is one: short, and far longer than any limit once it is decoded.
func TestBombsAreBombs(t *testing.T) {
	t.Parallel()
	list, err := bombs()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if len(b.content) > 2*maxBody || len(b.content) == 0 {
			t.Errorf("%s is of %d bytes", b.name, len(b.content))
		}
		if b.name != "gzip" {
			continue
		}
		r, err := gzip.NewReader(bytes.NewReader(b.content))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != 64<<20 {
			t.Errorf("%s decodes to %d bytes, error %v", b.name, n, err)
		}
	}
}

// A script is a connection of HTTP/2 as others read it, with heads of any size.
func TestScriptsAreReadAsHTTP2(t *testing.T) {
	t.Parallel()
	conn := &kept{most: 4 * piece}
	_ = over2("/?"+strings.Repeat("a=1&", 10_000), "X-A: b\r\n")(context.WithoutCancel(t.Context()), conn, 0) // it ends with the connection
	conn.Next(len(http2.ClientPreface))
	reader := http2.NewFramer(nil, conn)
	heads := 0
	for {
		frame, err := reader.ReadFrame()
		if err != nil {
			break
		}
		if head, ok := frame.(*http2.HeadersFrame); ok {
			if heads++; head.HeadersEnded() {
				t.Error("a head of 40 KB is one frame")
			}
		}
	}
	if heads < 2 {
		t.Errorf("%d requests were read", heads)
	}
}

// What hostile backends of HTTP/1.1 say begins as a response does, but for those that are to
// be none; what they go on with goes on for ever.
func TestHostileBackendsOfHTTP1Speak(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		speaker
		status, length int
		coded          bool
	}{
		"fine":    {speaker{says: fine}, 200, 11, false},
		"chunked": {speaker{says: chunked + "\r\n", always: "1\r\n \r\n"}, 200, many, true},
		"ahead":   {speaker{greets: fine, ends: true}, 200, 11, false},
	} {
		ours, theirs := net.Pipe()
		go func() { row.serve(theirs); _ = theirs.Close() }()
		go func() { _, _ = io.WriteString(ours, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}") }()
		response, err := http.ReadResponse(bufio.NewReader(ours), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		content, err := io.ReadAll(io.LimitReader(response.Body, many))
		if err != nil || response.StatusCode != row.status || len(content) != row.length || (len(response.TransferEncoding) > 0) != row.coded {
			t.Errorf("%s: %d with %d bytes, error %v", name, response.StatusCode, len(content), err)
		}
		_ = ours.Close()
	}
}
