package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// Case G4 of the field.
func TestG4ForbiddenAddresses(t *testing.T) {
	t.Parallel()
	guard := newGuard(Options{Deny: []netip.Prefix{netip.MustParsePrefix("10.96.0.1/32"), netip.MustParsePrefix("::ffff:10.97.0.0/112"), netip.MustParsePrefix("fd00:1::/32")}})
	for _, addr := range []string{
		"127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "0.1.2.3", "::",
		"169.254.169.254", "fe80::1", "fe80::1%eth0", "224.0.0.1", "255.255.255.255", "ff02::1",
		"100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254",
		"fd00:ec2::23", "fd00:100::100:200", "192.0.0.192", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1",
		"::ffff:0:169.254.169.254", "2001:db8::5efe:a9fe:a9fe", "fd12::200:5efe:127.0.0.1", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0",
		"::ffff:169.254.169.254", "::ffff:127.0.0.1", "::169.254.169.254",
		"64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1", "2001::1",
		"10.96.0.1", "::ffff:10.96.0.1", "10.97.255.1", "64:ff9b::10.97.0.1", "fd00:1::1",
	} {
		err := guard.check(netip.MustParseAddr(addr))
		if _, ok := errors.AsType[*ForbiddenError](err); !ok {
			t.Errorf("%s: error %v, want ForbiddenError", addr, err)
		}
	}
}

func TestAddressesOfBackendsPass(t *testing.T) {
	t.Parallel()
	guard := newGuard(Options{})
	for _, addr := range []string{"10.0.0.1", "192.168.1.1", "172.16.0.1", "1.1.1.1", "fd12:3456::1", "2606:4700::1111", "64:ff9b::101:101",
		"10.96.0.2", "192.0.0.193", "fd00:ec3::254", "fd12::5efe:10.0.0.1", "fd12::1:5efe:169.254.169.254", "64:ff9b:1::a00:1"} {
		if err := guard.check(netip.MustParseAddr(addr)); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestLoopbackPassesWhereAllowed(t *testing.T) {
	t.Parallel()
	guard := newGuard(Options{AllowLoopback: true})
	for _, addr := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		if err := guard.check(netip.MustParseAddr(addr)); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if guard.check(netip.MustParseAddr("0.0.0.0")) == nil {
		t.Error("0.0.0.0 passes")
	}
}

func TestControlStopsADial(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	dialer := New(Options{})
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		_, err := dialer.Dial(context.Background(), host+":"+port)
		if _, ok := errors.AsType[*ForbiddenError](err); !ok {
			t.Errorf("dial %s: error %v, want ForbiddenError", host, err)
		}
	}
}

func FuzzCheckNeverPanics(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add(make([]byte, 16))
	guard := newGuard(Options{})
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		mapped := netip.AddrFrom16(addr.As16())
		if (guard.check(addr) == nil) != (guard.check(mapped) == nil) {
			t.Errorf("%s and %s are judged differently", addr, mapped)
		}
	})
}
