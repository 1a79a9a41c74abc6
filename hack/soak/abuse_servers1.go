package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// sized and chunked are the heads of responses, whole but for the line that ends them.
	sized   = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n"
	chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
	fine    = sized + "\r\n" + `{"ok":true}`
)

// servers1 are backends of HTTP/1.1 that do what they may not, or what they may too often.
func (a *abuse) servers1() (list []*trial, err error) {
	chunk := "1;" + strings.Repeat("x", 40) + "=1\r\n \r\n"
	for _, row := range []struct {
		name string
		speaker
	}{
		{"1xx for ever", speaker{always: "HTTP/1.1 103 Early Hints\r\n\r\n"}},
		{"1xx of many fields for ever", speaker{always: "HTTP/1.1 103 Early Hints\r\n" + strings.Repeat("Link: </x>\r\n", 200) + "\r\n"}},
		{"101 for ever", speaker{always: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"}},
		{"empty lines for ever", speaker{always: "\r\n"}},
		{"a status without an end", speaker{says: "HTTP/1.1 200 ", always: "O"}},
		{"a head without an end", speaker{says: sized, always: "X: v\r\n"}},
		{"a field without an end", speaker{says: sized + "X: ", always: "v"}},
		{"a head of lines that go on", speaker{says: sized + "X: v\r\n", always: " v\r\n"}},
		{"the largest head", speaker{says: sized + strings.Repeat("X: v\r\n", many/2) + "\r\n" + `{"ok":true}`}},
		{"a head by the byte", speaker{says: sized + "X: ", always: "v", pace: 50 * time.Millisecond}},
		{"chunk extensions without an end", speaker{says: chunked + "\r\n1;", always: "x"}},
		{"chunks with extensions", speaker{says: chunked + "\r\n", always: chunk}},
		{"the size of a chunk without an end", speaker{says: chunked + "\r\n", always: "0"}},
		{"a chunk that is longer than there is", speaker{says: chunked + "\r\n7fffffffffffffff\r\n", always: " "}},
		{"chunks of a byte", speaker{says: chunked + "\r\n" + strings.Repeat("1\r\n \r\n", maxBody) + "2\r\n{}\r\n0\r\n\r\n"}},
		{"chunks of a byte for ever", speaker{says: chunked + "\r\n", always: "1\r\n \r\n"}},
		{"chunks by the byte", speaker{says: chunked + "\r\n", always: "1\r\n \r\n", pace: 50 * time.Millisecond}},
		{"trailers without an end", speaker{says: chunked + "\r\n0\r\n", always: "X: v\r\n"}},
		{"a trailer without an end", speaker{says: chunked + "\r\n0\r\nX: ", always: "v"}},
		{"a body without an end", speaker{says: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", always: " "}},
		{"bytes after the response", speaker{says: fine, always: "x"}},
		{"responses that nobody asked for", speaker{says: fine, always: fine}},
		{"a response before the request", speaker{greets: fine, says: fine}},
		{"two lengths", speaker{says: sized + "Content-Length: 12\r\n\r\n" + `{"ok":true} `}},
		{"a length beside chunks", speaker{says: sized + "Transfer-Encoding: chunked\r\n\r\nb\r\n" + `{"ok":true}` + "\r\n0\r\n\r\n"}},
		{"a length that is too long", speaker{says: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + `{"ok":true}`, ends: true}},
		{"a length that is none", speaker{says: "HTTP/1.1 200 OK\r\nContent-Length: " + strings.Repeat("9", 40) + "\r\n\r\n" + `{"ok":true}`}},
		{"keep-alive that is closed at once", speaker{says: strings.Replace(fine, "\r\n\r\n", "\r\nKeep-Alive: timeout=60\r\n\r\n", 1), ends: true}},
		{"an end at once", speaker{ends: true}},
		{"a reset at once", speaker{resets: true}},
		{"what is no HTTP", speaker{always: string(a.chance(0))}},
	} {
		list = append(list, &trial{
			name: "backends of HTTP/1.1: " + row.name, servers: slices.Repeat([]func(net.Conn){row.serve}, memoryBackends),
			load: flood(10, span, []byte(`{"x":"`+strings.Repeat("x", 1000)+`"}`)),
		})
	}
	return list, nil
}

// speaker is a server of HTTP/1.1.
type speaker struct {
	greets string // before there is a request
	says   string // to each request
	always string // for ever once there is a request
	pace   time.Duration
	ends   bool // the connection, after each request
	resets bool // it, so that what was written is lost
}

// serve is one connection.
func (s *speaker) serve(conn net.Conn) {
	if _, err := io.WriteString(conn, s.greets); err != nil {
		return
	}
	flooding := false
	for reader := bufio.NewReader(conn); ; {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok && s.resets {
			_ = tcp.SetLinger(0)
		}
		if _, err := io.WriteString(conn, s.says); err != nil || s.ends || s.resets {
			return
		}
		if s.always != "" && !flooding {
			flooding = true
			go s.flood(conn)
		}
	}
}

// flood writes the same until the connection ends.
func (s *speaker) flood(conn net.Conn) {
	if s.pace == 0 {
		flood2(conn, []byte(strings.Repeat(s.always, piece/len(s.always)+1)))
		return
	}
	for tick := time.NewTicker(s.pace); ; <-tick.C {
		if _, err := io.WriteString(conn, s.always); err != nil {
			tick.Stop()
			return
		}
	}
}
