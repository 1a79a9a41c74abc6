package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
)

const (
	oddRequests = 1500
	// oddWaiters are those among them that send half a head and wait for the end, which
	// the proxy makes after 10 s.
	oddWaiters = 20
	// stray stands in what no server may take for a request.
	stray = "stray"
)

// oddRequest is one request of a connection.
type oddRequest struct {
	tag, method, body string
	wire              []byte
	verdict           verdict
	closes            bool
	// coded10 says that it is of HTTP/1.0 and has a Transfer-Encoding, with which net/http
	// drops the body.
	coded10 bool
	// last says that it is not certain where it ends: nothing behind it may be read (RFC
	// 9112, section 6.1).
	last bool
}

// oddConnection is what one client does.
type oddConnection struct {
	route    string
	requests []oddRequest
	wire     []byte
	cut      int // bytes that are sent
	ending   ending
	pause    time.Duration
	greeting bool // and no requests
}

// expected is what backends may get of one request.
type expected struct {
	verdict verdict
	body    uint64
	any     bool            // whatever the body is
	got     [2]atomic.Int32 // by backend
}

func sum(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}

// oddClients send odd requests to routes of several response types, and judge what
// reaches backends and what comes back.
type oddClients struct {
	oddRun

	tables struct {
		methods, targets, versions, hosts, fields []odd
		framings                                  []framed
		greetings                                 []string
	}
	known sync.Map // of *expected, by tag
	worst worst
}

// TestOddRequests has 1,500 connections with requests that are cut, odd, or neither,
// alone and one after another. Whatever they are: nothing panics, each connection ends,
// backends get what was valid, once and byte for byte, and nothing else; clients read
// whole responses or none; and afterwards the process is as it was before. It does not run
// in parallel, since goroutines and descriptors of the process are counted.
func TestOddRequests(t *testing.T) { overBoth(t, oddRequests, runOddRequests) }

func runOddRequests(t *testing.T, http1 carrier.HTTP1, cases int) {
	t.Helper()
	c := &oddClients{oddRun: oddRun{t: t, http1: http1}}
	c.tables.methods, c.tables.targets, c.tables.versions = oddMethods(), oddTargets(), oddVersions()
	c.tables.hosts, c.tables.fields, c.tables.framings, c.tables.greetings = oddHosts(), oddFields(), oddFramings(), oddGreetings()
	var backends []routeconfig.Backend
	for i, name := range []string{"one", "two"} {
		backends = append(backends, testkit.Receiver(name, c.farm.listen(t, func(conn net.Conn) { c.backend(conn, i) }), request(forward),
			func(b *routeconfig.Backend) { b.Timeout = testkit.Span(oddBound) }))
	}
	patient := func(r *routeconfig.Route) {
		r.Dispatch.Timeout, r.Validation.BodyTimeout = testkit.Span(oddBound), testkit.Span(5*time.Second)
	}
	var routes []routeconfig.Route
	for i, kind := range oddKinds() {
		routes = append(routes, testkit.Route(kind, backends, response(kind), patient, func(r *routeconfig.Route) { r.Listener.Port += i }))
	}
	c.start(routes...)
	c.run(cases, c.one, c.forget)
	c.worst.report(t)
}

func oddKinds() []string { return []string{"Envelope", "Merge", "First"} }

// forget judges what reached backends so far. Stragglers may still be on their way to
// them: each call is waited for.
func (c *oddClients) forget() {
	testkit.Eventually(c.t, "no call is under way", func() bool { return c.measure().budget == 0 })
	c.known.Range(func(tag, value any) bool {
		e, _ := value.(*expected)
		for i := range e.got {
			if n := e.got[i].Load(); n > 1 || n == 0 && e.verdict == passes || n > 0 && e.verdict > may {
				c.worst.add("seed %d, request %v: backend %d got it %d times, verdict %d", *oddSeed, tag, i, n, e.verdict)
			}
		}
		c.known.Delete(tag)
		return true
	})
}

// backend reads strictly, knows every request, and answers.
func (c *oddClients) backend(conn net.Conn, i int) {
	in := bufio.NewReader(conn)
	for {
		m, method, _, err := readRequest(in)
		switch {
		case errors.Is(err, errMalformed):
			c.worst.add("backend %d got %q %q: %v", i, m.first, m.fields, err)
			return
		case err != nil: // the end of the connection, or a client that left
			return
		}
		c.arrived(i, m)
		content := `{"ok":true}`
		if method == "HEAD" {
			content = ""
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n%s", content); err != nil {
			return
		}
	}
}

func (c *oddClients) arrived(i int, m *message) {
	tags := m.values("X-Case")
	if len(tags) != 1 || strings.Contains(m.first, stray) {
		c.worst.add("backend %d got %q %q, which nobody sent as a request", i, m.first, m.fields)
		return
	}
	value, ok := c.known.Load(tags[0])
	if !ok {
		c.worst.add("backend %d got %q of case %q, which is over or was none", i, m.first, tags[0])
		return
	}
	e, _ := value.(*expected)
	e.got[i].Add(1)
	if sum(m.body) != e.body && !e.any {
		c.worst.add("backend %d got another body of case %s: %s", i, tags[0], brief(m.body))
	}
}

// one plays case i.
func (c *oddClients) one(i int) {
	k := c.connection(oddRand(1, i), i)
	c.expect(k)
	conn, err := net.Dial("tcp", c.Address(k.route))
	if err != nil {
		c.worst.add("case %d: %v", i, err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(oddBound))
	written := make(chan struct{})
	go func() {
		defer close(written)
		write(conn, pieces(oddRand(2, i), k.wire[:k.cut]), k.pause)
		k.ending.end(conn)
	}()
	if k.ending == stays || k.ending == halfCloses {
		if err := c.read(k, conn); err != nil {
			c.worst.add("seed %d, case %d to %s, %d of %d bytes, then %v: %v; %s", *oddSeed, i, k.route, k.cut, len(k.wire), k.ending, err, brief(k.wire))
		}
	}
	<-written
}

// expect tells backends what may come.
func (c *oddClients) expect(k *oddConnection) {
	end := 0
	for i := range k.requests {
		r := &k.requests[i]
		end += len(r.wire)
		e := &expected{verdict: r.verdict, body: sum([]byte(r.body)), any: r.coded10}
		if e.verdict <= may {
			switch {
			case end > k.cut && e.verdict == passes:
				e.verdict = refused // half of it is none
			case k.ending != stays:
				e.verdict = may // its client may have left before
			}
		}
		c.known.Store(r.tag, e)
	}
}

// read judges what comes back. Where the client has closed its half, there may be less.
func (c *oddClients) read(k *oddConnection, conn net.Conn) error {
	in := bufio.NewReader(conn)
	if k.greeting || k.cut < len(k.wire) {
		_, err := io.Copy(io.Discard, in)
		if err == nil || closed(err) {
			return nil
		}
		return fmt.Errorf("read to the end: %w", err)
	}
	sure := k.ending == stays
	for i := range k.requests {
		r := &k.requests[i]
		method := r.method
		if r.verdict == broken {
			method = "" // which nobody has read
		}
		m, status, err := readResponse(in, method)
		switch {
		case err != nil && (closed(err) || errors.Is(err, io.ErrUnexpectedEOF) && (!sure || k.route == "First")):
			if sure && r.verdict == passes {
				return fmt.Errorf("response %d: %w", i, err)
			}
			return nil
		case err != nil:
			return fmt.Errorf("response %d: %w", i, err)
		case r.verdict == passes && status != 200, r.verdict > may && status < 400:
			return fmt.Errorf("response %d has status %d: %s", i, status, brief(m.body))
		}
		if r.verdict == broken {
			break
		}
		if r.verdict == may && r.method == "HEAD" && status >= 400 {
			return nil // nobody can tell whether the method was read, and so whether there is a body
		}
		if r.closes {
			sure = false
		}
	}
	if !k.ends() {
		return nil
	}
	if rest, err := io.ReadAll(in); err != nil && !closed(err) || len(rest) > 0 {
		return fmt.Errorf("after the last response: %s, %w", brief(rest), err)
	}
	return nil
}

// ends reports whether the proxy has to close.
func (k *oddConnection) ends() bool {
	for i := range k.requests {
		if k.requests[i].verdict == broken {
			return true
		}
	}
	return k.ending == halfCloses
}

// connection makes case i.
func (c *oddClients) connection(r *rand.Rand, i int) *oddConnection {
	k := &oddConnection{route: pick(r, oddKinds()), pause: time.Duration(r.IntN(3)) * time.Millisecond}
	if r.IntN(20) == 0 {
		k.greeting, k.ending = true, 1+ending(r.IntN(3))
		k.wire = []byte(pick(r, c.tables.greetings))
		if r.IntN(4) == 0 {
			k.wire = noise(r, 1+r.IntN(300))
		}
		k.cut = len(k.wire)
		return k
	}
	n := 1
	if r.IntN(3) == 0 {
		n += r.IntN(4)
	}
	strange := r.IntN(n)
	behind := passes
	for j := range n {
		one := c.request(r, fmt.Sprintf("%d.%d", i, j), j == strange)
		one.verdict = max(one.verdict, behind)
		if one.closes || one.verdict == may {
			behind = max(behind, may)
		}
		if one.verdict == refused && j == strange {
			behind = max(behind, may)
		}
		if one.verdict == broken || one.last {
			behind = broken
		}
		k.requests, k.wire = append(k.requests, one), append(k.wire, one.wire...)
	}
	k.cut = len(k.wire)
	switch {
	case i >= oddRequests/5 && i < oddRequests/5+oddWaiters: // first of those that count, so that they hold up nobody
		k.cut, k.pause = 1+r.IntN(30), 0 // within the first line or the field after it
	case r.IntN(3) == 0:
		k.cut = r.IntN(len(k.wire))
		k.ending = 1 + ending(r.IntN(3))
	case r.IntN(5) == 0:
		k.ending = 1 + ending(r.IntN(3))
	}
	return k
}

// request is a valid one, or one of which some parts are odd.
func (c *oddClients) request(r *rand.Rand, tag string, strange bool) oddRequest {
	one := oddRequest{tag: tag, method: pick(r, []string{"GET", "POST", "PUT", "DELETE"})}
	method, target, version, host := odd{text: one.method}, odd{text: "/plain"}, odd{text: "HTTP/1.1"}, odd{text: "Host: x\r\n"}
	fields, framing := odd{}, framed{frame: func(string) (string, string) { return "", "" }}
	if r.IntN(2) == 0 {
		framing = c.tables.framings[r.IntN(2)*2] // by length, or in chunks
	}
	parts := 0
	if strange {
		parts = 1 + r.IntN(2)
	}
	for range parts {
		switch r.IntN(7) {
		case 0:
			method = pick(r, c.tables.methods)
		case 1:
			target = pick(r, c.tables.targets)
		case 2:
			version = pick(r, c.tables.versions)
		case 3:
			host = pick(r, c.tables.hosts)
		case 4, 5:
			fields = pick(r, c.tables.fields)
		case 6:
			framing = pick(r, c.tables.framings)
		}
	}
	switch {
	case method.text == "CONNECT":
		host, target = odd{text: "Host: x\r\n"}, odd{text: "/plain"} // net/http asks for none, and takes any
	case version.text == "HTTP/1.0" && host.text == "":
		host.verdict = may // it was not known yet
	}
	one.method = method.text
	announced, _ := framing.frame("")
	one.coded10 = version.text == "HTTP/1.0" && strings.Contains(announced, "Transfer-Encoding")
	switch one.verdict = framing.verdict; {
	case framing.name == "":
	case one.coded10:
		one.body = string(noise(r, oddSize(r)))
	default:
		one.body = oddBody(r)
	}
	one.closes = framing.closes
	for _, o := range []odd{method, target, version, host, fields} {
		one.verdict, one.closes = worse(one.verdict, o.verdict), one.closes || o.closes
	}
	framingFields, wire := framing.frame(one.body)
	if one.coded10 {
		one.verdict = may
		for _, o := range []odd{method, target, host, fields} {
			one.verdict = worse(one.verdict, o.verdict)
		}
	}
	one.last = one.coded10 || strings.Contains(framing.name, "beside")
	one.wire = fmt.Appendf(nil, "%s %s %s\r\nX-Case: %s\r\n%s%s%s\r\n%s", method.text, target.text, version.text, tag, host.text, fields.text, framingFields, wire)
	return one
}

// worse is the verdict on something of which two parts are odd.
func worse(a, b verdict) verdict { return max(a, b) }

// oddBody makes a body. Some look like requests, which they must never become.
func oddBody(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return "\r\n\r\n0\r\n\r\nGET /" + stray + " HTTP/1.1\r\nHost: x\r\nX-Case: " + stray + "\r\n\r\n" + string(noise(r, r.IntN(50)))
	}
	return string(noise(r, oddSize(r)))
}

func noise(r *rand.Rand, n int) []byte {
	b := bytes.Repeat([]byte{0}, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
