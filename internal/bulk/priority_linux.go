package bulk

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// nice is the priority of the threads: one of the default priority gets ten times as much
	// of a processor that both want, and they are never without.
	nice = 10
	// slice is for how long a thread keeps a processor that others want, where the kernel can
	// be told (Linux 6.12); that is 1.4 ms by default and, of a low priority, up to ten times
	// as much until its next turn. Go's collector stops a goroutine to look at its stack, and
	// spins until the goroutine's thread has run: so turns are to be short and come soon.
	slice = 100 * time.Microsecond
)

// giveWay lowers the priority of the calling thread, which alone the kernel means by 0.
func giveWay() {
	attributes := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: nice, Runtime: uint64(slice)}
	if unix.SchedSetAttr(0, attributes, 0) != nil { // where it is forbidden, the priority alone
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
	}
}
