#!/usr/bin/env bash
# net/http keeps a connection of HTTP/2 that its server has ended, for IdleConnTimeout.
#
# A connection of Transport.NewClientConn whose server closes it while a request is under way is
# over: RoundTrip and Err say so at once. Yet its last stream is forgotten after the connection was
# cleaned up, and forgetting it starts the timer of idle connections anew, which holds on to all of it,
# buffers included, until it fires. Ten seconds later all of them are reachable; with IdleConnTimeout 0,
# which has no timer, none is.
#
# Seen with go1.26.8 and golang.org/x/net v0.59.0, 2026-11-28.
# Needs Go 1.26 and the Go module proxy. Fails when the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"
	"weak"

	"golang.org/x/net/http2"
)

// ending ends the connection at the first request.
func ending(conn net.Conn) {
	defer conn.Close()
	io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
	framer := http2.NewFramer(conn, conn)
	framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		if _, ok := frame.(*http2.HeadersFrame); ok {
			return
		}
	}
}

type dialled struct{ net.Conn }

// kept counts the connections that are reachable ten seconds after their end, of ten.
func kept(idle time.Duration, address string) (n int) {
	var were []weak.Pointer[dialled]
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	t := &http.Transport{Protocols: protocols, IdleConnTimeout: idle, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		d := &dialled{conn}
		were = append(were, weak.Make(d))
		return d, err
	}}
	for range 10 {
		c, err := t.NewClientConn(context.Background(), "http", address)
		if err != nil {
			panic(err)
		}
		r, _ := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
		if _, err := c.RoundTrip(r); err == nil || c.Err() == nil {
			panic("the connection goes on")
		}
	}
	time.Sleep(10 * time.Second)
	runtime.GC()
	for _, was := range were {
		if was.Value() != nil {
			n++
		}
	}
	runtime.KeepAlive(t)
	return n
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go ending(conn)
		}
	}()
	for _, idle := range []time.Duration{time.Minute, 0} {
		fmt.Printf("IdleConnTimeout %v: %d of 10 kept after 10 s\n", idle, kept(idle, l.Addr().String()))
	}
}
GO
cat > go.mod <<'MOD'
module finding

go 1.26

require golang.org/x/net v0.59.0
MOD
go mod tidy > /dev/null 2>&1
go version
go run . | tee seen

cat > expected <<'OUT'
IdleConnTimeout 1m0s: 10 of 10 kept after 10 s
IdleConnTimeout 0s: 0 of 10 kept after 10 s
OUT
diff expected seen || { echo "net/http behaves in another way now"; exit 1; }
