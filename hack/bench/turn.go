package main

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// turn is what one contender did within one span.
type turn struct {
	cpu      float64 // µs of the process for each call
	rate     float64 // calls a second
	p50, p99 time.Duration
	peak     int64 // bytes that it had resident at once
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
