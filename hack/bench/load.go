package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// hello is the body of every call, and post the one request that is sent over and over.
const (
	hello = `{"message":"Hello APIs!"}`
	post  = "POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-API-Key: " + callerKey + "\r\nContent-Length: 25\r\n\r\n" + hello
)

// callTimeout bounds one call: one that takes longer is a fault, not a figure.
const callTimeout = 10 * time.Second

// caller makes one call after another.
type caller interface {
	call() error
	close()
}

// client is a connection that makes one call after another. It knows as much of HTTP as
// it needs, so that what it costs itself is small beside the proxy.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func (c *client) call() error {
	_ = c.conn.SetDeadline(time.Now().Add(callTimeout))
	if _, err := io.WriteString(c.conn, post); err != nil {
		return err
	}
	length, status := -1, ""
	for {
		text, err := c.line()
		if err != nil {
			return err
		}
		if len(text) == 0 {
			break
		}
		if status == "" {
			status = string(text)
		}
		name, value, _ := strings.Cut(string(text), ":")
		if strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return fmt.Errorf("read response: %w", err)
			}
		}
		if strings.EqualFold(name, "Transfer-Encoding") {
			length = chunked
		}
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") || length == 0 || length == -1 {
		return fmt.Errorf("the response is %q with a body of %d bytes", status, length)
	}
	return c.discard(length)
}

// chunked is the length of a body that comes in chunks.
const chunked = -2

// line is the next one, without its end.
func (c *client) line() ([]byte, error) {
	text, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("read response: %w", err)
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

// discard reads a body.
func (c *client) discard(length int) error {
	if length != chunked {
		_, err := c.in.Discard(length)
		return err
	}
	for {
		text, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(text), 16, 32)
		if err != nil {
			return fmt.Errorf("read response: %w", err)
		}
		if _, err := c.in.Discard(int(size) + len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}

func (c *client) close() { _ = c.conn.Close() }

// driver loads one route of a process, a slice at a time.
type driver struct {
	pid     int
	clients []caller
	took    []time.Duration // each call of all slices
	cpu     time.Duration
	elapsed time.Duration
}

func newDriver(ctx context.Context, pid, port, connections int) (*driver, error) {
	d := &driver{pid: pid}
	for range connections {
		conn, err := (&net.Dialer{Timeout: callTimeout}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			d.close()
			return nil, err
		}
		d.clients = append(d.clients, &client{conn, bufio.NewReaderSize(conn, 16<<10)})
	}
	return d, nil
}

func (d *driver) close() {
	for _, c := range d.clients {
		c.close()
	}
}

// warm makes connections to backends and fills pools, uncounted, and lets the kernel
// count the most resident memory anew: proc(5), clear_refs.
func (d *driver) warm(ctx context.Context, span time.Duration) error {
	if err := d.slice(ctx, span); err != nil {
		return err
	}
	*d = driver{pid: d.pid, clients: d.clients}
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", d.pid), []byte("5"), 0)
}

// slice lets all clients call for a span. The error is that of the first call that
// failed, for none may.
func (d *driver) slice(ctx context.Context, span time.Duration) error {
	before, err := cpu(d.pid)
	if err != nil {
		return err
	}
	var (
		mu     sync.Mutex
		failed error
		wait   sync.WaitGroup
	)
	begun := time.Now()
	for _, c := range d.clients {
		wait.Go(func() {
			took, err := callUntil(ctx, c, begun.Add(span))
			mu.Lock()
			defer mu.Unlock()
			d.took = append(d.took, took...)
			if err != nil && failed == nil {
				failed = err
			}
		})
	}
	wait.Wait()
	d.elapsed += time.Since(begun)
	after, err := cpu(d.pid)
	d.cpu += after - before
	return cmp.Or(failed, ctx.Err(), err)
}

func callUntil(ctx context.Context, c caller, end time.Time) ([]time.Duration, error) {
	var took []time.Duration
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if err := c.call(); err != nil {
			return took, err
		}
		next := time.Now()
		took, now = append(took, next.Sub(now)), next
	}
	return took, nil
}

// turn sums the slices up.
func (d *driver) turn() (turn, error) {
	if len(d.took) == 0 {
		return turn{}, errors.New("no call ended")
	}
	slices.Sort(d.took)
	n := len(d.took)
	most, err := figureOf(d.pid, "VmHWM:")
	return turn{
		cpu: float64(d.cpu) / float64(time.Microsecond) / float64(n), rate: float64(n) / d.elapsed.Seconds(),
		p50: d.took[n/2], p99: d.took[n*99/100], peak: most,
	}, err
}
