// Package netns runs programs in networks of their own (network_namespaces(7)), which nothing
// leaves.
package netns

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Run runs a program in a network of its own, as root there, and returns when it has ended. Both end
// with this process. It reports whether the program was started: it may be forbidden to make one.
func Run(cmd *exec.Cmd) (started bool, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	// The signal comes with the end of the thread that forks, not of the process (prctl(2)),
	// and threads of package bulk end: this one stays until the program has ended.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return false, err
	}
	return true, cmd.Wait()
}
