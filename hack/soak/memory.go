package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// The load of the measurement: bodies of a MiB each way, most backends answer, one
	// hangs.
	memoryBackends = 8
	memoryCalls    = 200
	memoryBody     = 1 << 20
	memorySpan     = 20 * time.Second
	// memoryLimit is that of the container, by default; the runtime is told of nine
	// tenths, and bodies have half.
	memoryLimit = 256 << 20
)

// measure runs the proxy as a Pod does, and reads what the kernel says of it.
func measure(ctx context.Context, program string) error {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	urls, stop, err := largeBackends()
	if err != nil {
		return err
	}
	defer stop()
	address, err := freeAddress()
	if err != nil {
		return err
	}
	if err := writeDocument(dir, address, urls); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Clean(program), "--document="+filepath.Join(dir, "document.json"), "--credentials="+dir,
		"--admin=", "--address=127.0.0.1", "--allow-loopback", "--drain-delay=0s", "--access-log-sample=1000")
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+strconv.Itoa(memoryLimit/10*9))
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := reachable(ctx, address); err != nil {
		return err
	}
	idle, err := peak(cmd.Process.Pid)
	if err != nil {
		return err
	}
	statuses := flood(ctx, "http://"+address+"/")
	most, err := peak(cmd.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("memory: %d calls at once of 1 MiB to %d backends that answer 1 MiB, one of which hangs, for %v\n", memoryCalls, memoryBackends, memorySpan)
	fmt.Printf("memory: idle %d MiB, at its most %d MiB, of a limit of %d MiB\n", idle>>20, most>>20, memoryLimit>>20)
	fmt.Printf("memory: %d answered, %d refused with 503, %d with another status, %d without a response\n",
		statuses[0].Load(), statuses[1].Load(), statuses[2].Load(), statuses[3].Load())
	if most > memoryLimit {
		return fmt.Errorf("it took %d MiB, over the limit of %d", most>>20, memoryLimit>>20)
	}
	return nil
}

func largeBackends() (urls []string, stop func(), err error) {
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	answer := append([]byte(`{"x":"`), bytes.Repeat([]byte("x"), memoryBody-8)...)
	answer = append(answer, `"}`...)
	for i := range memoryBackends {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, stop, fmt.Errorf("start backend: %w", err)
		}
		s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if i == 0 {
				<-r.Context().Done()
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(answer)
		})}
		go func() { _ = s.Serve(l) }()
		servers, urls = append(servers, s), append(urls, "http://"+l.Addr().String()+"/")
	}
	return urls, stop, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func writeDocument(dir, address string, urls []string) error {
	_, port, _ := net.SplitHostPort(address)
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("read port: %w", err)
	}
	r := routeconfig.Route{
		Namespace: "soak", Name: "memory", Listener: routeconfig.Listener{Port: number},
		Validation: routeconfig.Validation{MaxBodySize: 2 << 20, BodyTimeout: routeconfig.Duration(settle)},
		Dispatch:   routeconfig.Dispatch{Policy: "BestEffort", Timeout: routeconfig.Duration(2 * time.Second), Stragglers: "Auto", MaxInFlight: 1024},
		Response:   routeconfig.Response{Type: "Envelope", Diagnostics: "Full"},
	}
	for i, url := range urls {
		r.Backends = append(r.Backends, routeconfig.Backend{
			Name: "b" + strconv.Itoa(i), URL: url, Timeout: routeconfig.Duration(2 * time.Second), MaxResponseSize: 2 << 20,
			Request: routeconfig.Request{Path: routeconfig.PathURL},
		})
	}
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{r}})
	if err != nil {
		return fmt.Errorf("encode document: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "document.json"), encoded, 0o600); err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	return nil
}

func reachable(ctx context.Context, address string) error {
	for range 100 {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close() //nolint:wrapcheck // nobody reads it
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the proxy does not listen on %s", address)
}

// flood has calls under way all the time: answered, refused, of another status, without a response.
func flood(ctx context.Context, url string) *[4]atomic.Int64 {
	statuses := &[4]atomic.Int64{}
	ctx, cancel := context.WithTimeout(ctx, memorySpan)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: memoryCalls}
	defer transport.CloseIdleConnections()
	body := bytes.Repeat([]byte("x"), memoryBody)
	var workers sync.WaitGroup
	for range memoryCalls {
		workers.Go(func() {
			for ctx.Err() == nil {
				if status := call(ctx, transport, url, body); ctx.Err() == nil { // the end cuts some off
					statuses[status].Add(1)
				}
			}
		})
	}
	workers.Wait()
	return statuses
}

// call returns the place of its response in what flood returns.
func call(ctx context.Context, transport *http.Transport, url string, body []byte) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 3
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 3
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	switch response.StatusCode {
	case http.StatusOK, http.StatusMultiStatus:
		return 0
	case http.StatusServiceUnavailable:
		time.Sleep(100 * time.Millisecond) // as Retry-After would have it, and more often
		return 1
	}
	return 2
}

// peak is the most memory that a process has had resident, in bytes.
func peak(pid int) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read status of the process: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read status of the process: %w", err)
			}
			return n << 10, nil
		}
	}
	return 0, fmt.Errorf("process %d tells no VmHWM", pid)
}
