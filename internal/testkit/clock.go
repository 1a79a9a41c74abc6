package testkit

import (
	"time"
	"unsafe"
)

// Ahead returns a reading of time.Now as a machine gives it whose wall clock is ahead:
// the monotonic part stays as it is.
func Ahead(now time.Time, by time.Duration) time.Time {
	const secondsAt = 30 // package time: one bit, 33 bits of seconds, 30 bits of nanoseconds
	// Nothing but the clock of the machine itself makes such a reading.
	*(*uint64)(unsafe.Pointer(&now)) += uint64(by/time.Second) << secondsAt
	return now
}
