package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// memoryBackends is how many each call goes to; maxBody is the usual size of an unlucky
	// body, in bytes.
	memoryBackends = 8
	maxBody        = 1 << 20
	// memoryLimit is that of the container, by default; the runtime is told of nine
	// tenths, and bodies have half.
	memoryLimit = 256 << 20
)

// measure runs the proxy as a Pod does through one trial after another, a process for
// each, and reads what the kernel says of it.
func measure(ctx context.Context, program, only string, list []*trial) error {
	if os.Getenv(inside) == "" {
		return within(ctx)
	}
	if err := settleIn(); err != nil {
		return err
	}
	apart, err := pin()
	if err != nil {
		return err
	}
	if !apart {
		fmt.Println("memory: this machine has one core, so that load and proxy share it: the times mean nothing")
	}
	others, err := gather(ctx)
	if err != nil {
		return err
	}
	defer others.leave()
	s := newStarter()
	defer close(s.orders)
	var errs []error
	for _, t := range list {
		if !slices.ContainsFunc(strings.Split(only, "|"), func(part string) bool { return strings.Contains(t.name, part) }) {
			continue
		}
		err := t.run(ctx, s, program, others)
		if ctx.Err() != nil {
			return fmt.Errorf("stopped: %w", ctx.Err())
		}
		if err != nil {
			fmt.Printf("memory: %s: FAILED: %v\n", t.name, err)
			errs = append(errs, fmt.Errorf("%s: %w", t.name, err))
		}
	}
	return errors.Join(errs...)
}

// start runs the proxy with the documents of a folder, on a core of its own.
func start(ctx context.Context, s *starter, program, dir string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, filepath.Clean(program), "--document="+filepath.Join(dir, "document.json"), "--credentials="+dir,
		"--admin=", "--address="+proxyAddress, "--allow-loopback", "--drain-delay=0s", "--access-log-sample=1000")
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+strconv.Itoa(memoryLimit/10*9))
	if err := s.start(cmd); err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	return cmd, nil
}

// serveAll starts a backend for each handler.
func serveAll(handlers []http.HandlerFunc) (urls []string, stop func(), err error) {
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	for _, handler := range handlers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, stop, fmt.Errorf("start backend: %w", err)
		}
		s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			handler(w, r)
		})}
		go func() { _ = s.Serve(l) }()
		servers, urls = append(servers, s), append(urls, "http://"+l.Addr().String()+"/")
	}
	return urls, stop, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", proxyAddress+":0")
	if err != nil {
		return "", fmt.Errorf("find port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// route is one of eight backends whose port is that of the address.
func route(name, address string, urls []string) (routeconfig.Route, error) {
	_, port, _ := net.SplitHostPort(address)
	number, err := strconv.Atoi(port)
	if err != nil {
		return routeconfig.Route{}, fmt.Errorf("read port: %w", err)
	}
	r := routeconfig.Route{
		Namespace: "soak", Name: name, Listener: routeconfig.Listener{Port: number},
		Validation: routeconfig.Validation{MaxBodySize: 2 * maxBody, BodyTimeout: routeconfig.Duration(30 * time.Second)},
		Dispatch:   routeconfig.Dispatch{Policy: "BestEffort", Timeout: routeconfig.Duration(2 * time.Second), Stragglers: "Auto", MaxInFlight: 1024},
		Response:   routeconfig.Response{Type: "Envelope", Diagnostics: "Full"},
	}
	for i, url := range urls {
		r.Backends = append(r.Backends, routeconfig.Backend{
			Name: "b" + strconv.Itoa(i), URL: url, Timeout: routeconfig.Duration(2 * time.Second), MaxResponseSize: 2 * maxBody,
			Request: routeconfig.Request{Path: routeconfig.PathURL},
		})
	}
	return r, nil
}

func writeDocument(dir string, routes ...routeconfig.Route) error {
	encoded, err := routeconfig.Encode(&routeconfig.Document{Routes: routes})
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
			return conn.Close() // nobody reads it
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the proxy does not listen on %s", address)
}

// peak is the most memory that a process has had resident, in bytes.
func peak(pid int) (uint64, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("read status of the process: %w", err)
	}
	status, err := proc.NewStatus()
	if err != nil {
		return 0, fmt.Errorf("read status of the process: %w", err)
	}
	if status.VmHWM == 0 {
		return 0, fmt.Errorf("process %d tells no VmHWM", pid)
	}
	return status.VmHWM, nil
}
