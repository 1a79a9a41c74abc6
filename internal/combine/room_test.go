package combine

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// The room for a response of tens of MiB is not gone through before anything is written to
// it: nobody else would go on meanwhile.
func TestK5RoomForAResponseIsNotClearedAtOnce(t *testing.T) {
	const size = 256 << 20 // more than the heap has had, so that all of it is fresh
	room := grow(nil, size)
	if cap(room) < size {
		t.Fatalf("room for %d bytes, want %d", cap(room), size)
	}
	pages := make([]byte, size/os.Getpagesize())
	begin := uintptr(unsafe.Pointer(unsafe.SliceData(room)))
	if _, _, errno := syscall.Syscall(syscall.SYS_MINCORE, begin, size, uintptr(unsafe.Pointer(unsafe.SliceData(pages)))); errno != 0 {
		t.Skip(errno)
	}
	if n := len(pages) - bytes.Count(pages, []byte{0}); n > len(pages)/8 {
		t.Errorf("%d of %d pages were touched, want few", n, len(pages))
	}
}
