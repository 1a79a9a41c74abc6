package main

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// K5: the proxy has the priority of the bystanders, though the load that starts it gave way.
func TestK5TheProxyKeepsItsPriority(t *testing.T) {
	before, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newStarter()
	defer close(s.orders)
	if err := giveWay(s.thread); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "cat", "/proc/self/stat")
	cmd.Stdout = &output
	if err := s.start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	const nice = 18 // as proc(5) counts, without the first
	fields := strings.Fields(output.String())
	after, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	// getpriority(2) is 20 less the nice value.
	if got := fields[nice]; got != strconv.Itoa(20-before) {
		t.Errorf("a process started meanwhile has nice %s, want %d; this one %d", got, 20-before, 20-after)
	}
}
