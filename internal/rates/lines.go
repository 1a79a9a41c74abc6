package rates

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/wire"
)

// idleFor is how long a connection is kept on which nothing is asked.
const idleFor = time.Minute

// lines are the connections to proxies, one to each at most while nothing is asked. One that is kept
// is a socket and no more: net/http's has two goroutines and two buffers, 18 KiB for each of thousands
// of proxies.
type lines struct {
	mu      sync.Mutex
	kept    map[string]line
	swept   bool      // when the oldest has been kept long enough
	buffers sync.Pool // of *bufio.Reader, for the time of an exchange
}

type line struct {
	conn  net.Conn
	since time.Time
}

// take returns the connection that is kept to an address, nil where there is none.
func (l *lines) take(address string) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	of, ok := l.kept[address]
	if !ok {
		return nil
	}
	delete(l.kept, address)
	return of.conn
}

// keep takes a connection back on which nothing is under way.
func (l *lines) keep(address string, conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.kept[address]; ok { // two routes' polls at once, of one that is asked for two namespaces
		_ = conn.Close()
		return
	}
	if l.kept == nil {
		l.kept = map[string]line{}
	}
	l.kept[address] = line{conn, time.Now()}
	if !l.swept {
		l.swept = true
		time.AfterFunc(idleFor, l.sweep)
	}
}

// sweep closes what has been kept long enough, and comes again for the oldest of the others.
func (l *lines) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := time.Duration(0)
	for address, of := range l.kept {
		if age := time.Since(of.since); age < idleFor {
			oldest = max(oldest, age)
			continue
		}
		delete(l.kept, address)
		_ = of.conn.Close()
	}
	if l.swept = len(l.kept) > 0; l.swept {
		time.AfterFunc(idleFor-oldest, l.sweep)
	}
}

// ask sends a request over the connection that is kept, or a new one where there is none or it
// has died, as it does when its proxy closes what is idle: what is asked for may be asked for twice.
// read reads the body of the response.
func (l *lines) ask(ctx context.Context, r *http.Request, read func(*http.Response) error) error {
	address := r.URL.Host
	if conn := l.take(address); conn != nil {
		if told, err := l.exchange(conn, r, true, read); told || ctx.Err() != nil {
			return err
		}
	}
	conn, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = l.exchange(conn, r, false, read)
	return err
}

// exchange makes one exchange. It reports whether there was a response.
func (l *lines) exchange(conn net.Conn, r *http.Request, again bool, read func(*http.Response) error) (told bool, err error) {
	in, ok := l.buffers.Get().(*bufio.Reader)
	if !ok {
		in = bufio.NewReaderSize(nil, wire.ReadBuffer)
	}
	defer func() {
		in.Reset(nil)
		l.buffers.Put(in)
	}()
	c := wire.New(wire.Options{Conn: conn, Socket: conn, MaxHead: maxHead, Buffer: in, Ended: func() {}})
	if again && !c.Silent() {
		return false, c.Close()
	}
	response, err := c.RoundTrip(r)
	if err != nil {
		_ = c.Close()
		return false, fmt.Errorf("send request: %w", err)
	}
	err = read(response)
	_ = response.Body.Close() // closes the connection where the body is not at its end
	if c.Free() {
		l.keep(r.URL.Host, conn)
	}
	return true, err
}
