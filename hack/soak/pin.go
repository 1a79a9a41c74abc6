package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// Load and proxy have a core each, so that what the load costs itself delays nobody whose
// time is taken.
const loadCore, proxyCore = 0, 1

// loadNice is the priority of the load, of 0 to 19 that anybody may give oneself.
const loadNice = 15

// pin moves this process to the core of the load. It reports whether there is another one.
func pin() (apart bool, err error) {
	if runtime.NumCPU() < 2 {
		return false, nil
	}
	return true, threads(func(id int) error { return bind(id, loadCore) })
}

// giveWay lets bystanders go before the load on the core that they share: they are to wait
// for the proxy alone.
func giveWay() error {
	return threads(func(id int) error {
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, loadNice); err != nil {
			return fmt.Errorf("lower priority of thread %d: %w", id, err)
		}
		return nil
	})
}

// threads does something to each of this process; those that come later inherit it.
func threads(do func(id int) error) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		if err := do(id); err != nil {
			return err
		}
	}
	return nil
}

// bind moves one thread, 0 for this one: sched_setaffinity(2).
func bind(thread, core int) error {
	mask := uint64(1) << core
	if _, _, errno := syscall.Syscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(thread), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask))); errno != 0 {
		return fmt.Errorf("bind thread to core %d: %w", core, errno)
	}
	return nil
}

// startApart starts a process on the proxy's core, which it inherits from the thread.
func startApart(cmd *exec.Cmd) error {
	if runtime.NumCPU() >= 2 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := bind(0, proxyCore); err != nil {
			return err
		}
		defer func() { _ = bind(0, loadCore) }()
	}
	return cmd.Start() //nolint:wrapcheck // by its caller
}
