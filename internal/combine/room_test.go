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
	const size = 256 << 20
	var rooms [][]byte // kept: what the first is made of may have been used before, what comes after it is fresh
	for range 3 {
		room := grow(nil, size)
		if rooms = append(rooms, room); cap(room) < size {
			t.Fatalf("room for %d bytes, want %d", cap(room), size)
		}
		pages := make([]byte, size/os.Getpagesize())
		begin := uintptr(unsafe.Pointer(unsafe.SliceData(room)))
		if _, _, errno := syscall.Syscall(syscall.SYS_MINCORE, begin, size, uintptr(unsafe.Pointer(unsafe.SliceData(pages)))); errno != 0 {
			t.Skipf("SKIPPED: the kernel does not say which pages are there: %v", errno)
		}
		if touched := len(pages) - bytes.Count(pages, []byte{0}); touched <= len(pages)/8 {
			return
		}
	}
	t.Errorf("most of %d rooms of %d bytes was touched, want little of one", len(rooms), size)
}
