package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pid is the node's, or 0. A process id may have been given to another process
// since: the node is known by its folder among the arguments.
func (c *cluster) pid() int {
	content, err := os.ReadFile(c.path("pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(content))
	if err != nil {
		return 0
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !slices.Contains(strings.Split(string(args), "\x00"), c.dir) {
		return 0
	}
	return pid
}

func (c *cluster) alive() bool { return c.pid() != 0 }

// down ends the cluster: with the node's first process go all others, their mounts
// and links. What is left are the state folder and the control groups, which belong
// to whoever holds the lock.
func (c *cluster) down() error {
	if err := c.end(); err != nil {
		return err
	}
	lock, err := takeLock(c.dir)
	for end := time.Now().Add(10 * time.Second); err != nil && c.owns() && time.Now().Before(end); lock, err = takeLock(c.dir) {
		time.Sleep(50 * time.Millisecond) // its node's last threads are about to end
	}
	if err != nil {
		say("another cluster of this machine stays as it is")
		return c.removeState()
	}
	defer lock.Close()
	if err := c.remove(); err != nil {
		return err
	}
	say("down")
	return nil
}

// owns reports whether it is this cluster that took the lock last.
func (c *cluster) owns() bool {
	owner, err := os.ReadFile(lockFile)
	return err == nil && string(owner) == c.dir
}

// end ends the cluster and leaves its logs.
func (c *cluster) end() error {
	if pid := c.pid(); pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end the node: %w", err)
		}
		for end := time.Now().Add(time.Minute); !gone(pid); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				return errors.New("the node does not end")
			}
		}
	}
	return nil
}

// gone reports whether a process has ended, and with it, where it was the first of
// its namespace, all others there: it is no zombie before.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

// remove removes what a cluster that runs no more has left.
func (c *cluster) remove() error {
	if err := removeCgroups(); err != nil {
		return err
	}
	return c.removeState()
}

// marker is the file by which a folder is known to be a cluster's.
const marker = ".fanout-cluster"

func (c *cluster) mark() error {
	if err := errors.Join(os.MkdirAll(c.dir, 0o755), os.WriteFile(c.path(marker), nil, 0o600)); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

// removeState removes the folder, unless it is somebody else's.
func (c *cluster) removeState() error {
	files, err := os.ReadDir(c.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, marked := os.Stat(c.path(marker)); err != nil || len(files) > 0 && marked != nil {
		return fmt.Errorf("%s is no folder of a cluster: it stays", c.dir)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove state: %w", err)
	}
	return nil
}

// hierarchies are those of cgroup v1, or the one of v2.
func hierarchies() ([]string, error) {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return []string{"/sys/fs/cgroup"}, nil
	}
	found, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if err != nil {
		return nil, fmt.Errorf("find control groups: %w", err)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found, nil
}

// makeCgroups makes the group below which the kubelet makes those of Pods.
func makeCgroups() error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		group := filepath.Join(root, cgroupRoot)
		if err := os.MkdirAll(group, 0o755); err != nil {
			return fmt.Errorf("make control group: %w", err)
		}
		// A group of v1's cpuset is empty and of no use until it is told its share.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			share, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(group, name), share, 0o644); err != nil {
				return fmt.Errorf("make control group: %w", err)
			}
		}
		if root == "/sys/fs/cgroup" {
			if err := handDown(root, group); err != nil {
				return err
			}
		}
	}
	return nil
}

// handDown gives a group of v2 the controllers, which it has from its parents. Where it
// gets too few, it says what a kubelet would only repeat once a second in its log.
func handDown(root, group string) error {
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("make control group: %w", err)
	}
	for name := range strings.FieldsSeq(string(controllers)) {
		for _, parent := range []string{root, group} {
			_ = os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+name), 0o644)
		}
	}
	has, err := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("make control group: %w", err)
	}
	for _, name := range []string{"cpu", "memory", "pids"} {
		if !slices.Contains(strings.Fields(string(has)), name) {
			return fmt.Errorf("control group %s lacks the controller %q: the root group has processes of its own, "+
				"as in a container; move them to a group below it", group, name)
		}
	}
	return nil
}

// removeCgroups removes them from the leaves up. A group stays busy for a moment
// after its last process has ended.
func removeCgroups() error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		var groups []string
		err := filepath.WalkDir(filepath.Join(root, cgroupRoot), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("find control groups: %w", err)
		}
		slices.Reverse(groups)
		for _, group := range groups {
			if err := removeGroup(group); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeGroup(group string) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Rmdir(group)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("remove control group %s: %w", group, err)
		}
	}
}
