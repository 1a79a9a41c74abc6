package guard_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/fanout-operator/fanout/hack/netns"
)

// inside says to the test's program that it is in a network of its own already.
const inside = "GUARD_INSIDE"

// within runs a test once more in a network of its own, which ends with it, and returns what
// it said; not where that may not be made.
func within(t *testing.T, name string) (output string, made bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+name+"$", "-test.v", "-test.timeout=10m")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(os.Environ(), inside+"=1")
	made, err = netns.Run(cmd)
	if !made {
		return err.Error(), false
	}
	if err != nil {
		t.Errorf("in a network of its own: %v", err)
	}
	return said.String(), true
}

// settleIn makes every address there is one of this network's own: some by name, as hosts
// have them, and all others by a route. Whatever is dialled is heard here then, and nothing
// leaves.
func settleIn(t *testing.T, addresses ...string) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(socket) }()
	l := &link{socket: socket}
	l.send(syscall.RTM_NEWLINK, syscall.IfInfomsg{Index: loopback, Flags: syscall.IFF_UP, Change: syscall.IFF_UP})
	for _, text := range addresses {
		address := netip.MustParseAddr(text)
		family, raw := familyOf(address), address.AsSlice()
		l.send(syscall.RTM_NEWADDR, syscall.IfAddrmsg{Family: family, Prefixlen: uint8(address.BitLen()), Index: loopback},
			attribute(syscall.IFA_LOCAL, raw), attribute(syscall.IFA_ADDRESS, raw))
	}
	for _, family := range []uint8{syscall.AF_INET, syscall.AF_INET6} {
		l.send(syscall.RTM_NEWROUTE, syscall.RtMsg{
			Family: family, Table: syscall.RT_TABLE_LOCAL, Protocol: syscall.RTPROT_BOOT, Scope: syscall.RT_SCOPE_HOST, Type: syscall.RTN_LOCAL,
		}, attribute(syscall.RTA_OIF, binary.NativeEndian.AppendUint32(nil, loopback)))
	}
	if l.err != nil {
		t.Fatal(l.err)
	}
}

// loopback is the number of the one device of a new network.
const loopback = 1

func familyOf(address netip.Addr) uint8 {
	if address.Is4() {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// link speaks rtnetlink(7). It keeps the first error.
type link struct {
	socket int
	err    error
}

func (l *link) send(kind uint16, body any, attributes ...[]byte) {
	if l.err != nil {
		return
	}
	var message bytes.Buffer
	_ = binary.Write(&message, binary.NativeEndian, body)
	for _, a := range attributes {
		message.Write(a)
	}
	header := syscall.NlMsghdr{Len: uint32(syscall.SizeofNlMsghdr + message.Len()), Type: kind, Flags: syscall.NLM_F_REQUEST | syscall.NLM_F_ACK}
	if kind != syscall.RTM_NEWLINK { // the device is there
		header.Flags |= syscall.NLM_F_CREATE | syscall.NLM_F_REPLACE
	}
	var whole bytes.Buffer
	_ = binary.Write(&whole, binary.NativeEndian, header)
	whole.Write(message.Bytes())
	if l.err = syscall.Sendto(l.socket, whole.Bytes(), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); l.err != nil {
		return
	}
	answer := make([]byte, 4096)
	n, _, err := syscall.Recvfrom(l.socket, answer, 0)
	if err != nil || n < syscall.SizeofNlMsghdr+4 {
		l.err = fmt.Errorf("answer of %d bytes: %w", n, err)
		return
	}
	if code := int32(binary.NativeEndian.Uint32(answer[syscall.SizeofNlMsghdr:])); code != 0 {
		l.err = fmt.Errorf("message %d, %v: %w", kind, body, syscall.Errno(-code))
	}
}

// attribute is a struct rtattr with its value, padded to four bytes.
func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(syscall.SizeofRtAttr+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}
