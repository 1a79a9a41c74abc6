package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// needed are programs of the machine, and Debian's packages that have them.
func needed() []struct{ file, pack string } {
	return []struct{ file, pack string }{
		{"/usr/sbin/runc", "runc"},
		{"/usr/lib/cni/bridge", "containernetworking-plugins"},
		{"/usr/sbin/nft", "nftables"},
		{"/usr/sbin/iptables", "iptables"},
		{"/usr/sbin/conntrack", "conntrack"},
		{"/usr/bin/nsenter", "util-linux"},
		{"/sbin/ip", "iproute2"},
		{"/usr/bin/pgrep", "procps"},
	}
}

// installPackages installs what is absent.
func installPackages(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("a kubelet needs root: run this as root, or set KUBECONFIG to a cluster that there is")
	}
	var absent []string
	for _, n := range needed() {
		if _, err := os.Stat(n.file); err != nil {
			absent = append(absent, n.pack)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	say("installing %v from Debian's packages", absent)
	for _, args := range [][]string{
		{"update", "-q"},
		append([]string{"install", "-q", "-y", "--no-install-recommends"}, absent...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-o", "DPkg::Lock::Timeout=120"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("install %v: %w\n%s", absent, err, tail(string(output), 10))
		}
	}
	return nil
}
