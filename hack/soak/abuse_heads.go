package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// many is a number that nobody means well.
const many = 10_000

// http1 is a request of HTTP/1.1 as it is sent.
func http1(target, fields, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: soak.example\r\n%sContent-Length: %d\r\n\r\n%s", target, fields, len(body), body)
}

// numbered are n texts in a row, of a format with their number.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// heads are of as many parts as there can be, to a route that looks at all of them.
func (a *abuse) heads() (list []*trial, err error) {
	small := same("application/json", []byte(`{"ok":true}`))
	looking := func(r *routeconfig.Route) {
		r.Listener.TrustedCIDRs = []string{"198.18.0.0/24"}
		r.Validation.Rules = []routeconfig.Rule{
			{Name: "query", Expression: "!('none' in request.query) && !request.query.exists(name, name == 'none')", Message: "no"},
			{Name: "fields", Expression: "!request.headers.exists(name, name == 'x-none')", Message: "no"},
			{Name: "path", Expression: "!request.path.matches('(a|b)*z$')", Message: "no"},
		}
		r.RateLimits = []routeconfig.RateLimit{{Name: "each", Requests: 1_000_000, Per: routeconfig.Duration(time.Second), Burst: 1_000_000, Key: routeconfig.KeyClientIP}}
	}
	for _, row := range []struct{ name, target, fields string }{
		{"7,000 parameters of other names", "/?" + numbered(7_000, "a%d=1&"), ""},
		{"10,000 parameters of one name", "/?" + strings.Repeat("a=1&", many), ""},
		{"a query of escapes", "/?a=" + strings.Repeat("%41", 20_000), ""},
		{"a path of 60 KB", "/" + strings.Repeat("ab", 30_000), ""},
		{"a path of 20,000 escapes", "/" + strings.Repeat("%61", 20_000), ""},
		{"a path of 15,000 steps up", "/" + strings.Repeat("a/../", 12_000), ""},
		{"a field of 60 KB", "/", "X-Long: " + strings.Repeat("v", 60_000) + "\r\n"},
		{"6,000 cookies", "/", "Cookie: " + numbered(6_000, "c%d=1; ") + "\r\n"},
		{"10,000 addresses that it was forwarded for", "/", "X-Forwarded-For: " + strings.Repeat("1.1.1.1,", 7_500) + "1.1.1.1\r\n"},
		{"10,000 places that it was forwarded by", "/", "Forwarded: " + strings.Repeat("for=1.1.1.1,", 5_000) + "for=1.1.1.1\r\n"},
		{"10,000 codings that are accepted", "/", "Accept-Encoding: " + strings.Repeat("gzip;q=0.1,", 5_000) + "br\r\n"},
		{"10,000 hops of loops", "/", "Via: " + strings.Repeat("1.1 a,", many-1) + "1.1 b\r\n"},
		{"250 fields of one name", "/", strings.Repeat("X-A: "+strings.Repeat("v", 200)+"\r\n", 250)},
		{"a list of what the connection is about", "/", "Connection: " + numbered(8_000, "x%d,") + "close\r\n"},
	} {
		for _, over := range []string{"HTTP/1.1", "HTTP/2"} {
			load := &crowding{connections: 20, secure: a.plain(), talk: over1(http1(row.target, row.fields, "{}"))}
			if over == "HTTP/2" {
				if strings.HasPrefix(row.fields, "Connection:") {
					continue // which has no such field
				}
				load.secure, load.talk = a.secure, over2(row.target, row.fields)
			}
			list = append(list, a.overTLS(&trial{name: "heads: " + row.name + ", " + over, handlers: small, modify: looking, load: load.load}))
		}
	}
	return append(list, a.overTLS(&trial{name: "heads: connections that end with the handshake", handlers: small, load: (&crowding{
		connections: 20, secure: a.secure, talk: func(context.Context, net.Conn, int) error { return nil },
	}).load}), a.overTLS(&trial{name: "heads: bytes that are no TLS", handlers: small, load: (&crowding{
		connections: 20, talk: a.noise,
	}).load})), nil
}

// over1 asks again and again on a connection, without waiting.
func over1(text []byte) func(context.Context, net.Conn, int) error { return over(text) }

// over2 asks as often as there are streams, each ended by the client so that there is a
// further one.
func over2(target, fields string) func(context.Context, net.Conn, int) error {
	return streams(1, func(s *script, id uint32) { s.askWith(id, target, fields); s.reset(id) })
}

// noise is what comes of the seed.
func (a *abuse) noise(ctx context.Context, conn net.Conn, client int) error {
	bytes := a.chance(uint64(client))
	bytes[0] = 0x16 // a handshake, as it seems
	return over(bytes)(ctx, conn, client)
}

// chance is a piece of what comes of the seed, another one for each number.
func (a *abuse) chance(number uint64) []byte {
	random := rand.New(rand.NewPCG(a.seed, number))
	b := make([]byte, piece)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}
