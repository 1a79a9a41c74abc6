package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

var errDown = errors.New("the cluster does not run: start it with up")

// load imports images. It waits for nothing: a container that is created afterwards
// finds them.
func (c *cluster) load(ctx context.Context, tars []string) error {
	for _, name := range tars {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("load image: %w", err)
		}
		cmd, err := c.ctr(ctx, "images", "import", "-")
		if err == nil {
			cmd.Stdin = file
			var output []byte
			if output, err = cmd.CombinedOutput(); err != nil {
				err = fmt.Errorf("load %s: %w: %s", name, err, tail(string(output), 3))
			}
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// inside is a command in the node's namespaces.
func (c *cluster) inside(ctx context.Context, args ...string) (*exec.Cmd, error) {
	pid := c.pid()
	if pid == 0 {
		return nil, errDown
	}
	return exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(pid), "-m", "-n", "-p", "--"}, args...)...), nil
}

func (c *cluster) ctr(ctx context.Context, args ...string) (*exec.Cmd, error) {
	programs, err := os.ReadFile(c.path("programs"))
	if err != nil {
		return nil, errDown
	}
	ctr := []string{filepath.Join(string(programs), "ctr"), "-a", containerdSocket, "-n", "k8s.io"}
	return c.inside(ctx, slices.Concat(ctr, args)...)
}

// stop keeps a component from running. It returns when it has ended.
func (c *cluster) stop(ctx context.Context, name string) error {
	if err := c.known(name); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("stopped", name), nil, 0o600); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	return c.until(ctx, name+" has ended", func() error {
		cmd, err := c.inside(ctx, "pgrep", "-f", "^"+name+" ")
		if err != nil {
			return err
		}
		err = cmd.Run()
		if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.ExitCode() == 1 {
			return nil // no process matched
		}
		return errors.Join(fmt.Errorf("%s runs", name), err)
	})
}

// start lets a component run again.
func (c *cluster) start(_ context.Context, name string) error {
	if err := c.known(name); err != nil {
		return err
	}
	if err := os.Remove(c.path("stopped", name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("start %s: %w", name, err)
	}
	return nil
}

func (c *cluster) known(name string) error {
	if !c.alive() {
		return errDown
	}
	var names []string
	for _, p := range c.processes("") {
		names = append(names, p.name)
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("there is no component %q: it is one of %s", name, strings.Join(names, ", "))
	}
	return nil
}

// signal sends a signal to the first process of a container.
func (c *cluster) signal(ctx context.Context, container string, s syscall.Signal) error {
	parts := strings.Split(container, "/")
	if len(parts) != 3 {
		return fmt.Errorf("%q is not of the form NAMESPACE/POD/CONTAINER", container)
	}
	filter := fmt.Sprintf(`labels."io.kubernetes.pod.namespace"==%s,labels."io.kubernetes.pod.name"==%s,labels."io.kubernetes.container.name"==%s`, parts[0], parts[1], parts[2])
	cmd, err := c.ctr(ctx, "containers", "list", "-q", filter)
	if err != nil {
		return err
	}
	ids, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("find container %s: %w", container, err)
	}
	running, err := c.running(ctx)
	if err != nil {
		return err
	}
	signaled := 0
	for id := range strings.FieldsSeq(string(ids)) {
		if !running[id] {
			continue // one that was restarted leaves its predecessor in the list
		}
		signaled++
		cmd, err := c.ctr(ctx, "tasks", "kill", "-s", strconv.Itoa(int(s)), id)
		if err != nil {
			return err
		}
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("signal %s: %w: %s", container, err, tail(string(output), 3))
		}
	}
	if signaled == 0 {
		return fmt.Errorf("no container %s runs", container)
	}
	return nil
}

// running are the containers that have a process, stopped or not.
func (c *cluster) running(ctx context.Context) (map[string]bool, error) {
	cmd, err := c.ctr(ctx, "tasks", "list", "-q")
	if err != nil {
		return nil, err
	}
	ids, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	list := map[string]bool{}
	for id := range strings.FieldsSeq(string(ids)) {
		list[id] = true
	}
	return list, nil
}
