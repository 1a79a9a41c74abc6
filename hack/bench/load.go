package main

import (
	"bufio"
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

// post is the one request that is sent over and over.
const post = "POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n" + `{"message":"Hello APIs!"}`

// callTimeout bounds one call: one that takes longer is a fault, not a figure.
const callTimeout = 10 * time.Second

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
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read response: %w", err)
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		if status == "" {
			status = text
		}
		if name, value, ok := strings.Cut(text, ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return fmt.Errorf("read response: %w", err)
			}
		}
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") || length <= 0 {
		return fmt.Errorf("the response is %q with a body of %d bytes", status, length)
	}
	_, err := c.in.Discard(length)
	return err
}

// driver loads one route of a process, a slice at a time.
type driver struct {
	pid     int
	clients []*client
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
		d.clients = append(d.clients, &client{conn, bufio.NewReader(conn)})
	}
	return d, nil
}

func (d *driver) close() {
	for _, c := range d.clients {
		_ = c.conn.Close()
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
			took, err := c.callUntil(ctx, begun.Add(span))
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

func (c *client) callUntil(ctx context.Context, end time.Time) ([]time.Duration, error) {
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
	most, err := peak(d.pid)
	return turn{
		cpu: float64(d.cpu) / float64(time.Microsecond) / float64(n), rate: float64(n) / d.elapsed.Seconds(),
		p50: d.took[n/2], p99: d.took[n*99/100], peak: most,
	}, err
}

// peak is the most memory that a process has had resident, in bytes.
func peak(pid int) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(content), "VmHWM:")
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); !ok || err != nil {
		return 0, fmt.Errorf("process %d tells no VmHWM", pid)
	}
	return kilobytes << 10, nil
}
