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
// and links. What is left are the state folder and the control groups.
func (c *cluster) down() error {
	if err := errors.Join(c.end(), c.remove()); err != nil {
		return err
	}
	say("down")
	return nil
}

// end ends the cluster and leaves its logs.
func (c *cluster) end() error {
	if pid := c.pid(); pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("end the node: %w", err)
		}
		for end := time.Now().Add(time.Minute); c.alive(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				return errors.New("the node does not end")
			}
		}
	}
	return nil
}

// remove removes what a cluster that runs no more has left.
func (c *cluster) remove() error {
	if err := removeCgroups(); err != nil {
		return err
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
		// In v2 a group has the controllers that its parents hand down.
		controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
		if err != nil || root != "/sys/fs/cgroup" {
			continue
		}
		for name := range strings.FieldsSeq(string(controllers)) {
			for _, parent := range []string{root, group} {
				_ = os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+name), 0o644)
			}
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
