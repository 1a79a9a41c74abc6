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
// for the proxy alone. One thread keeps its priority. It
// is said again before each load, for a thread that another one was just about to start.
func giveWay(but int) error {
	return threads(func(id int) error {
		if id == but {
			return nil
		}
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

// starter is a thread that starts proxies: on a core of their own, and with the priority
// that it keeps while the load gives way, for they inherit both from the thread.
type starter struct {
	thread int
	orders chan func()
}

func newStarter() *starter {
	s := &starter{orders: make(chan func())}
	begun := make(chan int)
	go func() {
		runtime.LockOSThread()
		begun <- syscall.Gettid()
		for order := range s.orders {
			order()
		}
	}()
	s.thread = <-begun
	return s
}

// start starts a process.
func (s *starter) start(cmd *exec.Cmd) error {
	started := make(chan error)
	s.orders <- func() {
		if runtime.NumCPU() >= 2 {
			if err := bind(0, proxyCore); err != nil {
				started <- err
				return
			}
		}
		started <- cmd.Start()
	}
	return <-started
}
