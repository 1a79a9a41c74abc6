package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// backends are servers that behave in as many ways as real ones.
type backends struct {
	urls    []string
	servers []*http.Server
}

// behaviours are, in turn: good, slow, failing, hanging, breaking off, streaming, large, of
// which some are of what grows most as it is combined.
func behaviours() []http.HandlerFunc {
	padded := func(w http.ResponseWriter, size int) {
		reply(w, "application/json", fmt.Appendf(nil, `{"at":%d,"x":%q}`, time.Now().UnixNano(), strings.Repeat("x", size)))
	}
	return []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { padded(w, 100) },
		func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
			padded(w, 1000)
		},
		func(w http.ResponseWriter, _ *http.Request) {
			if rand.IntN(2) == 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			padded(w, 10)
		},
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "begin")
			panic(http.ErrAbortHandler)
		},
		func(w http.ResponseWriter, _ *http.Request) {
			for range 5 {
				_, _ = io.WriteString(w, "data: x\n\n")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Millisecond)
			}
		},
		func(w http.ResponseWriter, _ *http.Request) {
			switch rand.IntN(20) {
			case 0:
				reply(w, "application/json", []byte(`{"a":[`+strings.Repeat("0,", 100_000)+`0]}`))
			case 1:
				reply(w, "text/plain", bytes.Repeat([]byte{1}, 200_000))
			default:
				padded(w, 200_000)
			}
		},
	}
}

func startBackends() (*backends, error) {
	b := &backends{}
	for _, handler := range behaviours() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("start backend: %w", err)
		}
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // without it a server never learns that its client has left
			handler(w, r)
		})}
		go func() { _ = server.Serve(l) }()
		b.urls = append(b.urls, "http://"+l.Addr().String()+"/")
		b.servers = append(b.servers, server)
	}
	return b, nil
}

func (b *backends) close() {
	for _, s := range b.servers {
		_ = s.Close()
	}
}
