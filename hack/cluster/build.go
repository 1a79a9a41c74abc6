package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// components are the names by which the program kube is called.
func components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"}
}

// fromModules are the other programs. The shim is one of its own since every Pod has one.
func fromModules() []string {
	const containerd = "github.com/containerd/containerd/v2/cmd/"
	return []string{
		containerd + "containerd", containerd + "containerd-shim-runc-v2", containerd + "ctr",
		"./coredns", "./pause", "./kube",
	}
}

// build returns the folder with all programs, built once for each content of this
// module into the user's cache.
func build(ctx context.Context, module string) (string, error) {
	version, err := goList(ctx, module, "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return "", err
	}
	content, err := digest(module, "go.mod", "go.sum", "kube/main.go", "coredns/main.go", "pause/main.go")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w", err)
	}
	target := filepath.Join(cache, "fanout", "cluster", version+"-"+content)
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	alone, err := exclusive(target + ".lock")
	if err != nil {
		return "", err
	}
	defer alone.Close()
	if _, err := os.Stat(target); err == nil { // built by another one meanwhile
		return target, nil
	}
	say("building Kubernetes %s, containerd and CoreDNS from source (once; about ten minutes on two cores, less after make test)", version)
	fresh := target + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", fmt.Errorf("clean up an earlier build: %w", err)
	}
	if err := compile(ctx, module, fresh, version); err != nil {
		return "", err
	}
	for _, name := range components() {
		if err := os.Symlink("kube", filepath.Join(fresh, name)); err != nil {
			return "", fmt.Errorf("link program: %w", err)
		}
	}
	if err := os.Rename(fresh, target); err != nil {
		return "", fmt.Errorf("keep programs: %w", err)
	}
	return target, nil
}

// exclusive waits until no other process holds the lock file.
func exclusive(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock build: %w", err)
	}
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock build: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock build: %w", err)
	}
	return lock, nil
}

func compile(ctx context.Context, module, target, version string) error {
	numbers := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	const variable = " -X k8s.io/component-base/version."
	flags := "-s -w" + variable + "gitVersion=" + version + variable + "gitMajor=" + numbers[0] + variable + "gitMinor=" + numbers[1]
	args := slices.Concat([]string{"build", "-v", "-trimpath", "-ldflags", flags, "-o", target + "/"}, fromModules())
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = module, append(os.Environ(), "CGO_ENABLED=0")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(30 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				say("still building after %v", time.Since(start).Round(time.Second))
			case <-done:
				return
			}
		}
	}()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, tail(output.String(), 20))
	}
	say("built in %v", time.Since(start).Round(time.Second))
	return nil
}

func goList(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func digest(folder string, files ...string) (string, error) {
	h := sha256.New()
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", fmt.Errorf("digest: %w", err)
		}
		_, _ = io.WriteString(h, name)
		_, _ = h.Write(content)
	}
	return fmt.Sprintf("%x", h.Sum(nil))[:12], nil
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
