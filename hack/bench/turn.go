package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// turn is what one contender did within one span.
type turn struct {
	cpu      float64 // µs of the process for each call
	rate     float64 // calls a second
	p50, p99 time.Duration
	errors   int
	peak     int64 // bytes that it had resident at once; with -base alone
}

// turn loads a contender with wrk.
func (c *contender) turn(ctx context.Context, connections int, span time.Duration) (turn, error) {
	before, err := cpu(c.pid)
	if err != nil {
		return turn{}, err
	}
	out, err := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(span.Seconds())),
		"-s", "post.lua", fmt.Sprintf("http://127.0.0.1:%d/", c.port)).CombinedOutput()
	if err != nil {
		return turn{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	after, err := cpu(c.pid)
	if err != nil {
		return turn{}, err
	}
	var calls, micros, p50, p99 float64
	t := turn{}
	_, line, ok := strings.Cut(string(out), "RESULT ")
	if _, err := fmt.Sscan(line, &calls, &micros, &p50, &p99, &t.errors); !ok || err != nil || calls == 0 {
		return turn{}, fmt.Errorf("no result in the output of wrk: %s", out)
	}
	if t.errors > 0 {
		return turn{}, fmt.Errorf("%d of %.0f calls failed", t.errors, calls)
	}
	t.cpu = float64((after - before).Microseconds()) / calls
	t.rate = calls / micros * 1e6
	t.p50, t.p99 = time.Duration(p50)*time.Microsecond, time.Duration(p99)*time.Microsecond
	return t, nil
}

// cpu is the processor time of a process, in user and kernel: its own clock, since
// /proc/PID/stat counts in steps of 10 ms, a percent of a turn.
func cpu(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED of linux/posix-timers.h
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^pid<<3|sched), uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, fmt.Errorf("read clock of process %d: %w", pid, errno)
	}
	return time.Duration(t.Nano()), nil
}

// install brings what is lacking, from Debian.
func install(ctx context.Context) error {
	var lacking []string
	for command, pkg := range map[string]string{"nginx": "nginx-light", "wrk": "wrk", "node": "nodejs"} {
		if _, err := exec.LookPath(command); err != nil {
			lacking = append(lacking, pkg)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	fmt.Println("== installing", strings.Join(lacking, " "))
	for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-qq", "-y", "--no-install-recommends"}, lacking...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("install %v: %w; as root, or by hand", lacking, err)
		}
	}
	return nil
}

// combined is what combining alone costs, without a network: nanoseconds by kind.
type combined struct {
	name            string
	envelope, merge []float64
}

var benchLine = regexp.MustCompile(`(?m)^BenchmarkResponse/(\S+)/(Envelope|Merge)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// combine runs the benchmark of package combine.
func combine(ctx context.Context) ([]combined, error) {
	fmt.Println("== combining alone")
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "Response", "-benchtime", "0.2s", "-count", "5", "./internal/combine")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("benchmark combine: %w\n%s", err, out)
	}
	var list []combined
	for _, m := range benchLine.FindAllStringSubmatch(string(out), -1) {
		ns, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		at := -1
		for i := range list {
			if list[i].name == m[1] {
				at = i
			}
		}
		if at < 0 {
			at, list = len(list), append(list, combined{name: m[1]})
		}
		if m[2] == "Merge" {
			list[at].merge = append(list[at].merge, ns)
		} else {
			list[at].envelope = append(list[at].envelope, ns)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no figures in %s", out)
	}
	return list, nil
}
