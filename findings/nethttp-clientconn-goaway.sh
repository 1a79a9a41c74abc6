#!/usr/bin/env bash
# net/http's ClientConn does not tell when its server sends GOAWAY.
#
# Go 1.26 gives out single connections of HTTP/2 (Transport.NewClientConn), so that pools can
# be built on them. RFC 9113, section 6.8: after a GOAWAY with the number of the last stream
# that it handles, a server takes no further streams, and those that are under way end in
# good order. For a ClientConn with one of five streams in use that means
#
#   - Available falls from 4 to 0, which is what a connection without a free place says;
#   - Err stays nil ("the connection is usable"), though RoundTrip fails at once and Reserve
#     says that the connection is unavailable;
#   - the hook of SetStateHook is not called.
#
# All three speak when the last request is over, which may be minutes later: a pool that
# lets calls wait for a place, and is woken by the hook, lets them wait for so long, and one
# that asks Err takes the connection for a full one. What tells is Available() == 0 with less
# InFlight() than the server allows.
#
# Seen with go1.26.8 and golang.org/x/net v0.59.0 (for the server's frames), 2026-11-27.
# Needs Go 1.26 and the Go module proxy. Fails when the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > go.mod <<'MOD'
module finding

go 1.26

require golang.org/x/net v0.59.0

MOD

cat > main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func main() {
	client, server := net.Pipe()
	asked := make(chan uint32, 4)
	say := make(chan func(*http2.Framer), 4)
	go func() {
		f := http2.NewFramer(server, nil)
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 5})
		for do := range say {
			do(f)
		}
	}()
	go func() {
		_, _ = io.ReadFull(server, make([]byte, len(http2.ClientPreface)))
		f := http2.NewFramer(nil, server)
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					say <- func(w *http2.Framer) { _ = w.WriteSettingsAck() }
				}
			case *http2.HeadersFrame:
				asked <- frame.StreamID
			}
		}
	}()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	t := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
	cc, err := t.NewClientConn(context.Background(), "http", "server:80")
	if err != nil {
		panic(err)
	}
	var hooks atomic.Int32
	cc.SetStateHook(func(*http.ClientConn) { hooks.Add(1) })
	time.Sleep(300 * time.Millisecond)
	show := func(when string) {
		time.Sleep(300 * time.Millisecond)
		fmt.Printf("%-28s available=%d inFlight=%d err=%v hooks=%d\n", when, cc.Available(), cc.InFlight(), cc.Err(), hooks.Load())
	}
	show("before")
	done := make(chan error, 1)
	go func() {
		r, _ := http.NewRequest("GET", "http://server/", nil)
		resp, err := cc.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		done <- err
	}()
	stream := <-asked
	show("one request under way")
	say <- func(w *http2.Framer) { _ = w.WriteGoAway(stream, http2.ErrCodeNo, nil) }
	show("after GOAWAY")
	fmt.Println("reserve:", cc.Reserve())
	r, _ := http.NewRequest("GET", "http://server/", nil)
	_, err = cc.RoundTrip(r)
	fmt.Println("second request:", err)
	say <- func(w *http2.Framer) {
		var b bytes.Buffer
		_ = hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b.Bytes(), EndHeaders: true, EndStream: true})
	}
	fmt.Println("first request:", <-done)
	show("after the last response")
}
GO

go mod tidy > /dev/null 2>&1
go version
go run . | tee seen

cat > expected <<'OUT'
before                       available=5 inFlight=0 err=<nil> hooks=0
one request under way        available=4 inFlight=1 err=<nil> hooks=0
after GOAWAY                 available=0 inFlight=1 err=<nil> hooks=0
reserve: connection is unavailable
second request: http2: client conn not usable
first request: <nil>
after the last response      available=0 inFlight=0 err=connection closed hooks=1
OUT
diff expected seen || { echo "net/http behaves in another way now"; exit 1; }
