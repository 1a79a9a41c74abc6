package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

const (
	// slack is how many times as long as usual tests may take, and the grace beside, before
	// they count as hanging: other programs want the machine, too.
	slack = 3
	// maxMemory bounds what a guard that is missing may cost, in KiB of address space.
	maxMemory = 8 << 20
)

// laboratory builds and runs tests without a guard. The tree itself is never touched.
type laboratory struct {
	options

	folder string                   // of what is built
	usual  map[string]time.Duration // of each package's tests
}

func newLaboratory(o options) (*laboratory, error) {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return nil, fmt.Errorf("find root: %w", err)
	}
	o.root = root
	folder, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	return &laboratory{options: o, folder: folder, usual: map[string]time.Duration{}}, nil
}

func (l *laboratory) close() { _ = os.RemoveAll(l.folder) }

// measure runs the tests of each package as they are, which have to pass.
func (l *laboratory) measure(ctx context.Context, out io.Writer, of []guard) error {
	for i := range of {
		folder := of[i].folder()
		if _, known := l.usual[folder]; known {
			continue
		}
		l.usual[folder] = time.Hour
		if output, err := l.build(ctx, folder, "{}"); err != nil {
			return fmt.Errorf("build tests of %s: %w\n%s", folder, err, output)
		}
		begun := time.Now()
		if output, err := l.test(ctx, folder); err != nil {
			return fmt.Errorf("tests of %s with all guards: %w\n%s", folder, err, output)
		}
		l.usual[folder] = time.Since(begun)
		fmt.Fprintf(out, "%s takes %.1f s\n", folder, l.usual[folder].Seconds())
	}
	return nil
}

// try takes a guard out. The error says that it could not be tried, as when ctx ends.
func (l *laboratory) try(ctx context.Context, g *guard) (trial, error) {
	begun := time.Now()
	t := trial{guard: g}
	now, err := os.ReadFile(filepath.Join(l.root, g.file))
	if err != nil {
		return t, fmt.Errorf("read source: %w", err)
	}
	if !bytes.Equal(now, g.source) {
		return t, fmt.Errorf("%s was edited meanwhile: results would be of two trees", g.file)
	}
	altered := filepath.Join(l.folder, "altered.go")
	if err := os.WriteFile(altered, g.dropped(), 0o600); err != nil {
		return t, fmt.Errorf("write source: %w", err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(l.root, g.file): altered}})
	if err != nil {
		return t, fmt.Errorf("encode overlay: %w", err)
	}
	if _, err := l.build(ctx, g.folder(), string(overlay)); err != nil {
		t.result = unbuilt
	} else if output, err := l.test(ctx, g.folder()); err != nil {
		t.result, t.by = noticed, noticer(output)
	}
	if err := context.Cause(ctx); err != nil {
		return t, fmt.Errorf("try %q: %w", g.name, err)
	}
	t.took = time.Since(begun)
	return t, nil
}

// build builds the tests of a package, with an overlay in the go command's own form.
func (l *laboratory) build(ctx context.Context, folder, overlay string) ([]byte, error) {
	file := filepath.Join(l.folder, "overlay.json")
	if err := os.WriteFile(file, []byte(overlay), 0o600); err != nil {
		return nil, fmt.Errorf("write overlay: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", file, "-o", l.binary(), folder)
	cmd.Dir = l.root
	return cmd.CombinedOutput()
}

func (l *laboratory) binary() string { return filepath.Join(l.folder, "package.test") }

// test runs what was built last, until the first failure. Tests that hang are ended by
// themselves, or else by us: they and all that they have started.
func (l *laboratory) test(ctx context.Context, folder string) ([]byte, error) {
	limit := slack*l.usual[folder] + l.grace
	ctx, cancel := context.WithTimeout(ctx, limit+l.grace)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", `ulimit -v "$1"; shift; exec "$@"`, "sh", fmt.Sprint(maxMemory),
		l.binary(), "-test.failfast", "-test.short", "-test.paniconexit0", fmt.Sprint("-test.timeout=", limit), fmt.Sprint("-test.parallel=", l.parallel))
	cmd.Dir = filepath.Join(l.root, folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = l.grace
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	return out.last, err
}

// tail keeps the end of what is written: tests without a guard may never stop talking.
type tail struct{ last []byte }

// tailSize is how much is kept, at least, in bytes.
const tailSize = 256 << 10

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.last = append(t.last, b...)
	if beyond := len(t.last) - 2*tailSize; beyond > 0 {
		t.last = append(t.last[:0], t.last[len(t.last)-tailSize:]...)
	}
	return len(b), nil
}

// noticer is the first test that failed, or what else ended the run.
func noticer(output []byte) string {
	for _, pattern := range []string{`(?m)^\s*--- FAIL: (\S+)`, `panic: (test timed out)`, `(?m)^((?:panic|fatal error): .{0,60})`} {
		if found := regexp.MustCompile(pattern).FindSubmatch(output); found != nil {
			return string(found[1])
		}
	}
	return "the run as a whole"
}
