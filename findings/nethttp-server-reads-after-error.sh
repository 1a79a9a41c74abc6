#!/usr/bin/env bash
# net/http's server reads a connection again whose Read has failed.
#
# A wrapper of net.Conn may have something to do where it fails: answer in words of its own,
# linger, count. http.Server does not stop at the first error. Where the head of a request
# had begun with a whole line, and where HTTP/2 without TLS is switched on (the look at its
# preface throws the error away), Read is called once more after an error that is no timeout
# and no end. What is done there is done twice, unless the wrapper remembers it.
#
# Seen with go1.26.8, 2026-11-27. Needs Go 1.26. Fails when the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > go.mod <<'MOD'
module finding

go 1.26
MOD

cat > main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// failing is a connection that fails for good after its first bytes.
type failing struct {
	net.Conn

	first []byte
	after atomic.Int64
	ended chan struct{}
}

func (c *failing) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	c.after.Add(1)
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("gone for good")}
}

func (c *failing) Close() error { close(c.ended); return c.Conn.Close() }

type once struct {
	conns chan net.Conn
	addr  net.Addr
}

func (l *once) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l *once) Close() error   { return nil }
func (l *once) Addr() net.Addr { return l.addr }

func try(first string, h2c bool) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &failing{Conn: ours, first: []byte(first), ended: make(chan struct{})}
	l := &once{conns: make(chan net.Conn, 1), addr: ours.LocalAddr()}
	l.conns <- c
	close(l.conns)
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(h2c)
	s := &http.Server{Protocols: p, Handler: http.NotFoundHandler()}
	go s.Serve(l)
	select {
	case <-c.ended:
	case <-time.After(5 * time.Second):
	}
	fmt.Printf("%q, unencrypted HTTP/2 %v: %d reads after the end\n", first, h2c, c.after.Load())
}

func main() {
	for _, h2c := range []bool{false, true} {
		try("", h2c)
		try("GET / HT", h2c)
		try("GET / HTTP/1.1\r\nHost: a\r\n", h2c)
	}
}
GO

cat > want <<'WANT'
"", unencrypted HTTP/2 false: 1 reads after the end
"GET / HT", unencrypted HTTP/2 false: 1 reads after the end
"GET / HTTP/1.1\r\nHost: a\r\n", unencrypted HTTP/2 false: 2 reads after the end
"", unencrypted HTTP/2 true: 2 reads after the end
"GET / HT", unencrypted HTTP/2 true: 2 reads after the end
"GET / HTTP/1.1\r\nHost: a\r\n", unencrypted HTTP/2 true: 2 reads after the end
WANT
go run . > got
cat got
diff want got
