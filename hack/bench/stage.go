package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// contender is one way to make a call, with as many backends and bodies as its name says.
type contender struct {
	name string
	pid  int
	port int
	h2   bool // its clients speak HTTP/2, over TLS
	// mallocs is where it says how many things it has made, empty where it cannot.
	mallocs string
}

// stage is everything that runs.
type stage struct {
	dir       string
	processes []*exec.Cmd
	log       io.Writer // takes what processes write to stderr; ours does where it is nil
	// environment is what processes find in theirs beside ours.
	environment []string
}

func (s *stage) stop() {
	for _, p := range s.processes {
		_ = p.Process.Kill()
	}
	for _, p := range s.processes {
		_ = p.Wait()
	}
}

func (s *stage) spawn(name string, args ...string) (int, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr, cmd.Env = cmp.Or[io.Writer](s.log, os.Stderr), append(os.Environ(), s.environment...)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", name, err)
	}
	s.processes = append(s.processes, cmd)
	return cmd.Process.Pid, nil
}

func build(ctx context.Context, dir, out, pkg string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-trimpath"}, flags...), "-o", out, pkg)...)
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// add starts a contender, which listens where its first argument says unless that is its own business,
// and waits until it answers.
func (s *stage) add(ctx context.Context, name string, port int, command string, args ...string) (*contender, error) {
	pid, err := s.spawn(command, args...)
	if err != nil {
		return nil, err
	}
	if err := answers(ctx, port); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &contender{name: name, port: port, pid: pid}, nil
}

// answers waits until a route answers with 200, at most 10 s.
func answers(ctx context.Context, port int) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := once(ctx, fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return fmt.Errorf("no answer: %w", err)
		}
	}
}

// once makes one call.
func once(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	request.Header.Set("X-API-Key", callerKey)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", response.Status)
	}
	return nil
}

// freePort is one that nobody listens on now.
func freePort() (int, error) {
	ports, err := freePorts(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
