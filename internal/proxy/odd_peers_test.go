package proxy_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/carrier"
	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// oddSeed is that of all odd peers: case i is made of it and of i alone.
var oddSeed = flag.Uint64("odd.seed", 9, "seed of odd requests and answers")

const (
	// oddAtOnce are the connections at work side by side.
	oddAtOnce = 64
	// oddBound is when each connection has ended, on a machine that is busy, too: the
	// proxy's longest span in these tests are the 10 s that a head may take.
	oddBound = 40 * time.Second
)

// ending is what a peer does when it has written.
type ending int

const (
	stays ending = iota // and reads
	halfCloses
	closes
	resets
)

func (e ending) String() string { return [...]string{"stays", "half closes", "closes", "resets"}[e] }

// pieces cuts bytes into at most five parts, rarely into single bytes.
func pieces(r *rand.Rand, b []byte) [][]byte {
	var list [][]byte
	if r.IntN(20) == 0 {
		n := min(len(b), 100)
		for i := range n {
			list = append(list, b[i:i+1])
		}
		return append(list, b[n:])
	}
	for range r.IntN(5) {
		at := r.IntN(len(b) + 1)
		list, b = append(list, b[:at]), b[at:]
	}
	return append(list, b)
}

// write sends pieces, some of them a little late. The peer may have closed already.
func write(conn net.Conn, list [][]byte, pause time.Duration) {
	for i, piece := range list {
		if i > 0 && len(list) < 10 {
			time.Sleep(pause)
		}
		if _, err := conn.Write(piece); err != nil {
			return
		}
	}
}

// end does what is said, but for stays.
func (e ending) end(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	switch e {
	case halfCloses:
		_ = tcp.CloseWrite()
	case resets:
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	case closes:
		_ = tcp.Close()
	case stays:
	}
}

// closed reports whether an error is that of a connection that the other side ended.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// errMalformed is what a strict reader says of a message that RFC 9112 does not know.
var errMalformed = errors.New("malformed")

// message is one of HTTP/1.1, read strictly.
type message struct {
	first  string
	fields [][2]string
	body   []byte
}

func (m *message) values(name string) (list []string) {
	for _, f := range m.fields {
		if strings.EqualFold(f[0], name) {
			list = append(list, f[1])
		}
	}
	return list
}

// readHead reads the first line and the fields. io.EOF stands for no message at all.
func readHead(r *bufio.Reader) (*message, error) {
	if _, err := r.Peek(1); err != nil {
		return nil, err
	}
	m := &message{}
	var err error
	if m.first, err = readLine(r); err != nil {
		return nil, err
	}
	m.fields, err = readFields(r)
	return m, err
}

func readFields(r *bufio.Reader) (fields [][2]string, err error) {
	for {
		line, err := readLine(r)
		if err != nil || line == "" {
			return fields, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return nil, fmt.Errorf("field %q: %w", line, errMalformed)
		}
		fields = append(fields, [2]string{name, strings.Trim(value, " \t")})
	}
}

// readLine reads a line that ends in CRLF and has no other control but tabs.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return "", fmt.Errorf("line %q: %w", line, errMalformed)
	}
	return line, nil
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

// readBody reads the body as it is framed. toEnd says what a message without framing
// has: all that comes, or nothing.
func (m *message) readBody(r *bufio.Reader, toEnd bool) (err error) {
	lengths, codings := m.values("Content-Length"), m.values("Transfer-Encoding")
	switch {
	case len(lengths)+len(codings) > 1:
		return fmt.Errorf("framed by %q and %q: %w", lengths, codings, errMalformed)
	case len(codings) == 1:
		if codings[0] != "chunked" {
			return fmt.Errorf("transfer coding %q: %w", codings[0], errMalformed)
		}
		return m.readChunks(r)
	case len(lengths) == 1:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return fmt.Errorf("length %q: %w", lengths[0], errMalformed)
		}
		m.body, err = io.ReadAll(io.LimitReader(r, int64(n)))
		if err == nil && len(m.body) < int(n) {
			err = io.ErrUnexpectedEOF
		}
		return err
	case toEnd:
		m.body, err = io.ReadAll(r)
	}
	return err
}

func full(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (m *message) readChunks(r *bufio.Reader) error {
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return fmt.Errorf("chunk of %q: %w", line, errMalformed)
		}
		if n == 0 {
			trailer, err := readFields(r)
			m.fields = append(m.fields, trailer...)
			return err
		}
		chunk := make([]byte, n+2)
		if err := full(r, chunk); err != nil {
			return err
		}
		if !bytes.HasSuffix(chunk, []byte("\r\n")) {
			return fmt.Errorf("chunk that ends in %q: %w", chunk[n:], errMalformed)
		}
		m.body = append(m.body, chunk[:n]...)
	}
}

// readRequest reads a request as a strict backend does.
func readRequest(r *bufio.Reader) (m *message, method, target string, err error) {
	if m, err = readHead(r); err != nil {
		return nil, "", "", err
	}
	line := strings.Split(m.first, " ")
	if len(line) != 3 || !isToken(line[0]) || !strings.HasPrefix(line[1], "/") || line[2] != "HTTP/1.1" || len(m.values("Host")) != 1 {
		return m, "", "", fmt.Errorf("request %q with hosts %q: %w", m.first, m.values("Host"), errMalformed)
	}
	for _, name := range []string{"Expect", "Upgrade", "Connection", "Proxy-Connection", "Keep-Alive"} {
		if v := m.values(name); len(v) > 0 {
			return m, "", "", fmt.Errorf("%s is %q: %w", name, v, errMalformed)
		}
	}
	return m, line[0], line[1], m.readBody(r, false)
}

// readResponse reads the response to a request of a method, past interim ones.
func readResponse(r *bufio.Reader, method string) (m *message, status int, err error) {
	for {
		if m, err = readHead(r); err != nil {
			return nil, 0, err
		}
		version, rest, _ := strings.Cut(m.first, " ")
		code, _, spaced := strings.Cut(rest, " ")
		status, err = strconv.Atoi(code)
		if err != nil || !spaced || len(code) != 3 || status < 100 || status > 599 || version != "HTTP/1.1" && version != "HTTP/1.0" {
			return m, 0, fmt.Errorf("response %q: %w", m.first, errMalformed)
		}
		if status >= 200 {
			break
		}
	}
	if method == "HEAD" || status == 204 || status == 304 {
		return m, status, nil
	}
	return m, status, m.readBody(r, true)
}

// farm are raw listeners whose connections can be hung up.
type farm struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// listen serves each connection until the end of the test.
func (f *farm) listen(t *testing.T, serve func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			if f.conns == nil {
				f.conns = map[net.Conn]bool{}
			}
			f.conns[conn] = true
			f.mu.Unlock()
			running.Go(func() {
				serve(conn)
				_ = conn.Close()
				f.mu.Lock()
				delete(f.conns, conn)
				f.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.hangUp()
		running.Wait()
	})
	return "http://" + l.Addr().String()
}

// hangUp ends all connections that there are.
func (f *farm) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.Close()
	}
}

// panics takes the log, and keeps what says that something panicked.
type panics struct {
	mu    sync.Mutex
	lines []string
}

func (p *panics) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("panic")) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lines = append(p.lines, string(b))
	}
	return len(b), nil
}

// oddRun is a proxy among odd peers.
type oddRun struct {
	*proxytest.Proxy

	http1  carrier.HTTP1
	farm   farm
	panics panics
	t      *testing.T
}

// start serves the routes. The whole log is written, so that what it costs is part of it.
func (o *oddRun) start(routes ...routeconfig.Route) {
	o.t.Helper()
	log := slog.New(slog.NewJSONHandler(&o.panics, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Proxy = proxytest.Serve(o.t, proxy.Options{Log: log, HTTP1: o.http1}, routes...)
}

// overBoth runs all cases over our own transport, and a sixth of them over net/http's: before those
// that wait for the end of a head, which takes 10 s.
func overBoth(t *testing.T, cases int, run func(t *testing.T, http1 carrier.HTTP1, cases int)) {
	t.Helper()
	for name, http1 := range proxytest.Transports() {
		t.Run(name, func(t *testing.T) {
			if http1 != nil {
				run(t, http1, cases/6)
				return
			}
			run(t, nil, cases)
		})
	}
}

// measured is what must be the same before and after. It is taken while nobody is
// connected.
type measured struct {
	goroutines, descriptors int
	heap, budget            int64
}

func (o *oddRun) measure() measured {
	o.t.Helper()
	runtime.GC()
	runtime.GC() // pools are empty after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		o.t.Fatal(err)
	}
	return measured{runtime.NumGoroutine(), len(open), int64(m.HeapAlloc), gauge(o.t, o.Proxy, "fanout_body_memory_bytes")}
}

// within reports whether nothing has grown by more than what a poll, a pool or a slot of
// statistics accounts for.
func (m measured) within(before measured) bool {
	return m.goroutines <= before.goroutines+3 && m.descriptors <= before.descriptors+3 && m.heap <= before.heap+2<<20 && m.budget == 0
}

// quiet waits until the figures stand still for longer than net/http lets an error be
// read before it closes, 500 ms.
func (o *oddRun) quiet() (m measured) {
	o.t.Helper()
	since := time.Now()
	testkit.Eventually(o.t, "the proxy is quiet", func() bool {
		o.farm.hangUp()
		last := m
		if m = o.measure(); m.goroutines != last.goroutines || m.descriptors != last.descriptors || m.budget != 0 {
			since = time.Now()
		}
		return time.Since(since) > time.Second
	})
	return m
}

// run makes the cases, some at once, and compares what there is before and after. The
// first fifth is there to fill pools. clean forgets what the test itself keeps.
func (o *oddRun) run(cases int, one func(i int), clean func()) {
	o.t.Helper()
	o.each(0, cases/5, one)
	clean()
	before := o.quiet()
	o.each(cases/5, cases, one)
	clean()
	var after measured
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		o.farm.hangUp()
		if after = o.measure(); after.within(before) || time.Now().After(end) {
			break
		}
	}
	o.t.Logf("before %+v, after %+v", before, after)
	if !after.within(before) {
		stacks := make([]byte, 1<<20)
		o.t.Errorf("seed %d: before %+v, after %+v\n%s", *oddSeed, before, after, stacks[:runtime.Stack(stacks, true)])
	}
	o.panics.mu.Lock()
	defer o.panics.mu.Unlock()
	if len(o.panics.lines) > 0 {
		o.t.Errorf("seed %d: %d panics, the first is %s", *oddSeed, len(o.panics.lines), o.panics.lines[0])
	}
}

func (o *oddRun) each(from, to int, one func(i int)) {
	var workers sync.WaitGroup
	next := make(chan int)
	for range oddAtOnce {
		workers.Go(func() {
			for i := range next {
				one(i)
			}
		})
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	workers.Wait()
}

// oddRand is the source of case i.
func oddRand(stream, i int) *rand.Rand {
	return rand.New(rand.NewPCG(*oddSeed+uint64(stream)<<32, uint64(i)))
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// oddSize is that of a body: seldom one that is larger than any buffer on its way.
func oddSize(r *rand.Rand) int {
	if r.IntN(15) == 0 {
		return 70_000
	}
	return pick(r, []int{1, 2, 10, 300, 4096, 5000})
}

// brief is the begin of a message, for a failure.
func brief(b []byte) string { return strconv.Quote(string(b[:min(len(b), 300)])) }

// worst keeps the first failures of many alike.
type worst struct {
	mu    sync.Mutex
	count int
	list  []string
}

func (w *worst) add(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count++; len(w.list) < 10 {
		w.list = append(w.list, fmt.Sprintf(format, args...))
	}
}

func (w *worst) report(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.list, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	for _, s := range w.list {
		t.Error(s)
	}
	if w.count > 0 {
		t.Errorf("seed %d: %d faults, of which some are shown", *oddSeed, w.count)
	}
}
