package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"github.com/fanout-operator/fanout/hack/netns"
)

// Everybody has an address of their own, of those for measuring (RFC 2544, appendix C.2.2):
// on loopback no address has a share.
const (
	proxyAddress = "198.18.0.1"
	loadAddress  = "198.18.0.2"
	standAddress = "198.18.0.3"
)

// inside says to this program that it is in a network of its own already.
const inside = "SOAK_INSIDE"

// within runs this program once more in a network of its own, which ends with it: its
// addresses exist nowhere else, and nothing leaves it.
func within(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	if _, err := netns.Run(cmd); err != nil {
		return fmt.Errorf("measure in a network of its own (where this is not permitted: as root): %w", err)
	}
	return nil
}

// settleIn gives the loopback device of a new network all of 198.18.0.0/24.
func settleIn() error {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	defer func() { _ = syscall.Close(socket) }()
	address := netip.MustParseAddr(proxyAddress).As4()
	up := request{flags: syscall.IFF_UP | syscall.IFF_RUNNING | syscall.IFF_LOOPBACK}
	copy(up.name[:], "lo")
	var alias request // netdevice(7): the address is a sockaddr_in, whose port is 0
	copy(alias.name[:], "lo:1")
	alias.flags = syscall.AF_INET
	copy(alias.rest[2:], address[:])
	if err := up.send(socket, syscall.SIOCSIFFLAGS); err != nil {
		return fmt.Errorf("set device up: %w", err)
	}
	if err := alias.send(socket, syscall.SIOCSIFADDR); err != nil {
		return fmt.Errorf("set address %s: %w", proxyAddress, err)
	}
	return nil
}

// request is a struct ifreq.
type request struct {
	name  [syscall.IFNAMSIZ]byte
	flags uint16 // or the family of an address
	rest  [22]byte
}

func (r *request) send(socket int, command uintptr) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), command, uintptr(unsafe.Pointer(r))); errno != 0 {
		return errno
	}
	return nil
}

// dialer connects from an address.
func dialer(from string) *net.Dialer {
	return &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
}
