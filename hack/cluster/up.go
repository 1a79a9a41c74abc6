package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockFile is held by the node of the one cluster that a machine can have; it
// holds the name of its folder.
const lockFile = "/run/fanout-cluster.lock"

// up starts the cluster, and returns when Pods can be run.
func (c *cluster) up(ctx context.Context) error {
	if c.alive() {
		programs, err := os.ReadFile(c.path("programs"))
		if err != nil {
			return fmt.Errorf("it runs, but not from %s: %w", c.dir, err)
		}
		if err := c.await(ctx, string(programs)); err != nil {
			return err
		}
		say("runs already; KUBECONFIG=%s", c.path("kubeconfig"))
		return nil
	}
	for _, hidden := range []string{"/run/", "/var/lib/", "/var/log/"} {
		if strings.HasPrefix(c.dir, hidden) {
			return fmt.Errorf("the folder %s is hidden from the node: choose one outside of %s", c.dir, hidden)
		}
	}
	if err := installPackages(ctx); err != nil {
		return err
	}
	programs, err := build(ctx, c.module)
	if err != nil {
		return err
	}
	lock, err := takeLock(c.dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := c.remove(); err != nil { // what a crashed start left
		return err
	}
	start := time.Now()
	if err := c.launch(ctx, programs, lock); err != nil {
		return errors.Join(err, c.end())
	}
	if err := c.await(ctx, programs); err != nil {
		return errors.Join(err, c.end())
	}
	say("the node is ready after %v; KUBECONFIG=%s", time.Since(start).Round(time.Second), c.path("kubeconfig"))
	return nil
}

func takeLock(dir string) (*os.File, error) {
	lock, err := os.OpenFile(lockFile, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(lockFile)
		return nil, fmt.Errorf("a cluster runs on this machine already, that of %s: take it down first", owner)
	}
	if err := errors.Join(lock.Truncate(0), write(lock, dir)); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return lock, nil
}

func write(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// launch writes the settings and starts the node in namespaces of its own.
func (c *cluster) launch(ctx context.Context, programs string, lock *os.File) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	if err := c.writeSettings(programs, "https://"+listener.Addr().String()); err != nil {
		return err
	}
	if err := makeCgroups(); err != nil {
		return err
	}
	inherited, err := listener.(*net.TCPListener).File()
	if err != nil {
		return fmt.Errorf("pass on listener: %w", err)
	}
	defer inherited.Close()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	log, err := os.Create(c.path("log", "node.log"))
	if err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(self, "-dir", c.dir, "node", programs)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{inherited, lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	if err := os.WriteFile(c.path("pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return errors.Join(fmt.Errorf("start node: %w", err), cmd.Process.Kill())
	}
	say("started; waiting for the node (logs are in %s)", c.path("log"))
	return ctx.Err()
}

func (c *cluster) writeSettings(programs, server string) error {
	if err := c.mark(); err != nil {
		return err
	}
	for _, folder := range []string{"lib", "log", "cni", "stopped"} {
		if err := os.MkdirAll(c.path(folder), 0o755); err != nil {
			return fmt.Errorf("write settings: %w", err)
		}
	}
	if err := c.writeKeys(server); err != nil {
		return err
	}
	for name, content := range map[string]string{
		"kubelet.yaml":        fmt.Sprintf(kubeletConfig, c.path("pki", "ca.crt")),
		"containerd.toml":     fmt.Sprintf(containerdConfig, programs, c.path("cni")),
		"cni/fanout.conflist": cniConfig,
		"audit-policy.yaml":   auditPolicy,
		"Corefile":            fmt.Sprintf(corefile, c.path("pki", "inside.kubeconfig")),
		"programs":            programs,
	} {
		if err := os.WriteFile(c.path(name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("write settings: %w", err)
		}
	}
	return nil
}

// await returns once Pods can be run.
func (c *cluster) await(ctx context.Context, programs string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := c.until(ctx, "the container runtime answers", func() error { return c.loadPause(ctx, programs) }); err != nil {
		return err
	}
	kubectl := func(args ...string) error {
		cmd := exec.CommandContext(ctx, filepath.Join(programs, "kubectl"), append([]string{"--kubeconfig", c.path("kubeconfig")}, args...)...)
		output, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, tail(string(output), 3))
		}
		return nil
	}
	if err := c.until(ctx, "there is a node", func() error { return kubectl("get", "node", nodeName) }); err != nil {
		return err
	}
	return errors.Join(
		kubectl("wait", "--for=condition=Ready", "--timeout=120s", "node/"+nodeName),
		kubectl("wait", "--for=create", "--timeout=60s", "serviceaccount/default"))
}

// until tries until it succeeds, the node ends or the time is over.
func (c *cluster) until(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if !c.alive() {
			log, _ := os.ReadFile(c.path("log", "node.log"))
			return fmt.Errorf("the node ended: %s", tail(string(log), 5))
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("not in time: %s: %w", what, err)
		}
	}
}
