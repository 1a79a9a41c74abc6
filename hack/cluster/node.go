package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// node is the first process of the namespaces: it mounts and links what the
// components need, starts them, and reaps. What it inherits is the listener on the
// machine's loopback, as file 3, and the lock, as file 4.
func (c *cluster) node(programs string) error {
	if os.Getpid() != 1 {
		return errors.New("node is started by up alone")
	}
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return fmt.Errorf("take over listener: %w", err)
	}
	if err := c.mountAll(); err != nil {
		return err
	}
	if err := link(); err != nil {
		return err
	}
	if err := os.WriteFile("/run/resolv.conf", []byte("nameserver "+nodeAddress+"\n"), 0o644); err != nil {
		return fmt.Errorf("write resolv.conf: %w", err)
	}
	go forward(listener, "127.0.0.1:6443")
	s := &supervisor{c: c, components: c.processes(programs), running: map[int]string{}}
	return s.run()
}

// mountAll gives the node its own /proc, /run, /var/lib and /var/log.
func (c *cluster) mountAll() error {
	mounts := []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{c.path("lib"), "/var/lib", "", syscall.MS_BIND},
		{c.path("log"), "/var/log", "", syscall.MS_BIND},
		// A kubelet wants its volumes to reach containers that were started earlier.
		{"", "/var/lib", "", syscall.MS_REC | syscall.MS_SHARED},
	}
	for _, m := range mounts {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	// The kubelet sets these for the whole machine. Here it sets files of its own.
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"} {
		target := filepath.Join("/proc/sys", name)
		content, err := os.ReadFile(target)
		if err != nil {
			continue // an older kernel's
		}
		source := filepath.Join("/run", strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(source, content, 0o644); err != nil {
			return fmt.Errorf("shield %s: %w", target, err)
		}
		if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("shield %s: %w", target, err)
		}
	}
	return nil
}

// link brings up loopback and the node's own address. The default route leads
// nowhere: without one, addresses of Services have no route from the node itself.
func link() error {
	for _, line := range []string{
		"link set lo up",
		"link add node0 type veth peer name node1", // not every kernel has type dummy, and Pods need this one
		"addr add " + nodeAddress + "/24 dev node0",
		"link set node1 up",
		"link set node0 up",
		"route add default dev node0",
	} {
		if output, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, output)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("forward between Pods: %w", err)
	}
	return nil
}

// forward passes connections to the machine's loopback on to the API server in here.
func forward(l net.Listener, address string) {
	for {
		outer, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer outer.Close()
			inner, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer inner.Close()
			done := make(chan struct{}, 2)
			for _, pair := range [][2]net.Conn{{outer, inner}, {inner, outer}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1])
					done <- struct{}{}
				}()
			}
			<-done
		}()
	}
}

// supervisor keeps the components running, except those with a file below stopped/.
type supervisor struct {
	c          *cluster
	components []process
	running    map[int]string // by process id
}

// process is a component. It starts once all addresses in needs can be reached.
type process struct {
	name    string
	args    []string
	needs   []string
	started time.Time
}

func (s *supervisor) run() error {
	known := false
	for ; ; time.Sleep(100 * time.Millisecond) {
		_, err := os.Stat(s.c.path("pid"))
		if known && errors.Is(err, os.ErrNotExist) {
			return errors.New("the folder is gone, and with it the only way to end this node")
		}
		known = known || err == nil
		s.reap()
		for i := range s.components {
			p := &s.components[i]
			_, err := os.Stat(s.c.path("stopped", p.name))
			stopped := err == nil
			pid := s.pid(p.name)
			switch {
			case stopped && pid != 0:
				_ = syscall.Kill(pid, syscall.SIGKILL)
			case !stopped && pid == 0 && time.Since(p.started) > time.Second && reachable(p.needs):
				if err := s.start(p); err != nil {
					return err
				}
			}
		}
	}
}

func (s *supervisor) reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
		if name, ok := s.running[pid]; ok {
			say("%s ended", name)
			delete(s.running, pid)
		}
	}
}

func (s *supervisor) pid(name string) int {
	for pid, running := range s.running {
		if running == name {
			return pid
		}
	}
	return 0
}

func (s *supervisor) start(p *process) error {
	log, err := os.OpenFile(s.c.path("log", p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()
	p.started = time.Now()
	// Not os.StartProcess: reap takes the ends of all processes.
	pid, err := syscall.ForkExec(p.args[0], append([]string{p.name}, p.args[1:]...), &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{"PATH=" + filepath.Dir(p.args[0]) + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
		Files: []uintptr{0, log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	say("%s started", p.name)
	s.running[pid] = p.name
	return nil
}

func reachable(addresses []string) bool {
	for _, address := range addresses {
		network, rest, _ := strings.Cut(address, ":")
		conn, err := net.DialTimeout(network, rest, 200*time.Millisecond)
		if err != nil {
			return false
		}
		_ = conn.Close()
	}
	return true
}
