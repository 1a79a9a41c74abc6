package testkit

import (
	"context"
	"net"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Redis is a redis-server on loopback. It keeps nothing on disk.
type Redis struct {
	Address string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
}

// NewRedis starts a redis-server with further arguments, and skips the test where there is no
// such program.
func NewRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server (Debian's package redis-server has it)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Redis{Address: l.Addr().String(), t: t, args: args}
	_ = l.Close()
	r.Start()
	t.Cleanup(func() {
		r.Signal(syscall.SIGCONT)
		r.Kill()
	})
	return r
}

// NewSentinel starts a sentinel with a configuration file, which it rewrites.
func NewSentinel(t testing.TB, config string) *Redis { return NewRedis(t, config, "--sentinel") }

// Start starts the server, anew where it was killed, and returns when it listens.
func (r *Redis) Start() {
	r.t.Helper()
	host, port, _ := net.SplitHostPort(r.Address)
	args := slices.Concat(r.args, []string{"--bind", host, "--dir", r.t.TempDir()})
	switch {
	case slices.Contains(args, "--sentinel"):
		args = append(args, "--port", port)
	case slices.Contains(args, "--tls-cert-file"):
		args = append(args, "--save", "", "--port", "0", "--tls-port", port)
	default:
		args = append(args, "--save", "", "--port", port)
	}
	r.cmd = exec.CommandContext(context.Background(), "redis-server", args...)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for range 600 {
		if conn, err := net.Dial("tcp", r.Address); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Fatal("redis-server does not listen")
}

// Signal sends the server a signal: SIGSTOP pauses it, SIGCONT lets it go on.
func (r *Redis) Signal(s syscall.Signal) { _ = r.cmd.Process.Signal(s) }

// Kill ends the server at once.
func (r *Redis) Kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}
