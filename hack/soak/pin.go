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

// pin moves this process to the core of the load. It reports whether there is another one.
func pin() (apart bool, err error) {
	if runtime.NumCPU() < 2 {
		return false, nil
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false, fmt.Errorf("list threads: %w", err)
	}
	for _, task := range tasks { // threads that come later inherit it
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return false, fmt.Errorf("list threads: %w", err)
		}
		if err := bind(id, loadCore); err != nil {
			return false, err
		}
	}
	return true, nil
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
