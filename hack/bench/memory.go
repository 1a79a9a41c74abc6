package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// memory is what processes take, in bytes, and what calls make.
type memory struct {
	idle   int64              // resident, of a proxy that has had no call
	flight float64            // of each call in flight more, its connections left out
	made   map[string]float64 // things a call, by contender
}

// inFlight is how many calls are held at once.
const inFlight = 500

// remember measures memory.
func (c *cast) remember(ctx context.Context) (*memory, error) {
	fmt.Println("== memory")
	m := &memory{made: map[string]float64{}}
	for _, side := range append(c.of(groupOf(2, "small")).sides, c.of(groupOf(16, "small")).sides[0]) {
		if side.mallocs == "" {
			continue
		}
		made, err := side.made(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", side.name, err)
		}
		m.made[side.name] = made
	}
	var err error
	if m.idle, err = c.idle(ctx); err != nil {
		return nil, err
	}
	m.flight, err = c.flight(ctx)
	return m, err
}

// made is how many things a call makes in the contender, of a second of calls.
func (c *contender) made(ctx context.Context) (float64, error) {
	d, err := c.driver(ctx, usual)
	if err != nil {
		return 0, err
	}
	defer d.close()
	if err := d.warm(ctx, slice); err != nil {
		return 0, err
	}
	var counts [3]float64
	for i := range counts {
		if i == 2 {
			if err := d.slice(ctx, time.Second); err != nil {
				return 0, err
			}
		}
		if counts[i], err = mallocsAt(ctx, c.mallocs); err != nil {
			return 0, err
		}
	}
	asking := counts[1] - counts[0]
	return (counts[2] - counts[1] - asking) / float64(len(d.took)), nil
}

// mallocsAt is how many things a program in Go has made.
func mallocsAt(ctx context.Context, url string) (float64, error) {
	return metricAt(ctx, url, mallocsMetric)
}

// metricAt asks for one metric.
func metricAt(ctx context.Context, url, name string) (n float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut("\n"+string(content), "\n"+name+" ")
	if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
		return 0, fmt.Errorf("%s does not say %s", url, name)
	}
	return n, nil
}

// alone starts a proxy with one route, which nobody has called.
func (s *stage) alone(ctx context.Context, o *ours, urls []string) (*ours, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	r := route{name: "alone", response: "Envelope", urls: urls}
	dir, err := os.MkdirTemp(s.dir, "alone")
	if err != nil {
		return nil, err
	}
	if err := o.built.write(ctx, dir, object{"routes": []object{r.object(0, ports[0])}}); err != nil {
		return nil, err
	}
	a := &ours{dir: dir, secrets: o.secrets, admin: local(ports[1])}
	if a.pid, err = s.spawn(o.built.proxy, a.args(a.admin)...); err != nil {
		return nil, err
	}
	a.by = map[string]*contender{r.name: {name: r.name, pid: a.pid, port: ports[0]}}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", local(ports[0])); err == nil {
			return a, conn.Close()
		}
	}
	return nil, errors.New("a proxy does not listen")
}

// idle is what a proxy has resident that nobody has called.
func (c *cast) idle(ctx context.Context) (int64, error) {
	s := &stage{dir: c.stage.dir, log: c.stage.log}
	defer s.stop()
	a, err := s.alone(ctx, c.now, backends(2, "small"))
	if err != nil {
		return 0, err
	}
	time.Sleep(2 * time.Second) // it has nothing to do any more
	return figureOf(a.pid, "VmRSS:")
}

// held is how often calls are held.
const held = 5

// flight is what a call in flight takes beyond its connections: many wait for backends that are slow,
// beside the same connections without a call. The proxy collects its garbage all the time, so that what it
// has is what it holds.
func (c *cast) flight(ctx context.Context) (float64, error) {
	s := &stage{dir: c.stage.dir, log: c.stage.log, environment: []string{"GOGC=5"}}
	defer s.stop()
	a, err := s.alone(ctx, c.now, backends(2, "slow"))
	if err != nil {
		return 0, err
	}
	d, err := a.by["alone"].driver(ctx, inFlight)
	if err != nil {
		return 0, err
	}
	defer d.close()
	var each []float64
	for i := range held + 1 {
		idle, err := heap(ctx, a.admin)
		if err != nil {
			return 0, err
		}
		done := make(chan error, 1)
		go func() { done <- d.slice(ctx, slice) }() // a call of each connection, which takes longer
		time.Sleep(slowness / 2)
		busy, err := heap(ctx, a.admin)
		if err := errors.Join(err, <-done); err != nil {
			return 0, err
		}
		if i > 0 { // the first one makes the connections
			each = append(each, (busy-idle)/inFlight)
		}
	}
	return middle(each), nil
}

// heap is what a proxy holds, on the heap and of stacks.
func heap(ctx context.Context, admin string) (sum float64, err error) {
	for _, name := range []string{"go_memstats_heap_alloc_bytes", "go_memstats_stack_inuse_bytes"} {
		n, err := metricAt(ctx, "http://"+admin+"/metrics", name)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// figureOf is a line of /proc/PID/status in bytes.
func figureOf(pid int, line string) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(content), line)
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); !ok || err != nil {
		return 0, fmt.Errorf("process %d tells no %s", pid, line)
	}
	return kilobytes << 10, nil
}
