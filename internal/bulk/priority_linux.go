package bulk

import "syscall"

// nice is the priority of the threads: one of the default priority gets ten times as much of a
// processor that both want, and they are never without.
const nice = 10

// giveWay lowers the priority of the calling thread, which alone the kernel means by 0.
func giveWay() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, nice) }
