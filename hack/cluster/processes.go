package main

import "path/filepath"

// processes are the components and how they are called.
func (c *cluster) processes(programs string) []process {
	pki := func(name string) string { return c.path("pki", name) }
	program := func(name string, args ...string) []string {
		return append([]string{filepath.Join(programs, name)}, args...)
	}
	const etcd, apiserver = "tcp:127.0.0.1:2379", "tcp:127.0.0.1:6443"
	return []process{
		{name: "etcd", args: program("etcd",
			"--data-dir=/var/lib/etcd", "--unsafe-no-fsync",
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380")},
		{name: "kube-apiserver", needs: []string{etcd}, args: program("kube-apiserver",
			"--etcd-servers=http://127.0.0.1:2379",
			"--advertise-address="+nodeAddress, "--service-cluster-ip-range="+serviceNetwork,
			"--tls-cert-file="+pki("apiserver.crt"), "--tls-private-key-file="+pki("apiserver.key"),
			"--client-ca-file="+pki("ca.crt"), "--cert-dir=/run/apiserver",
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged",
			"--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate="+pki("kubelet-client.crt"), "--kubelet-client-key="+pki("kubelet-client.key"),
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file="+pki("service-accounts.key"), "--service-account-signing-key-file="+pki("service-accounts.key"),
			"--audit-policy-file="+c.path("audit-policy.yaml"), "--audit-log-path=/var/log/audit.log", "--audit-log-maxsize=1000")},
		{name: "kube-controller-manager", needs: []string{apiserver}, args: program("kube-controller-manager",
			"--kubeconfig="+pki("kube-controller-manager.kubeconfig"), "--leader-elect=false",
			"--use-service-account-credentials", "--root-ca-file="+pki("ca.crt"),
			"--service-account-private-key-file="+pki("service-accounts.key"),
			"--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins")},
		{name: "kube-scheduler", needs: []string{apiserver}, args: program("kube-scheduler",
			"--kubeconfig="+pki("kube-scheduler.kubeconfig"), "--leader-elect=false")},
		{name: "containerd", args: program("containerd", "--config="+c.path("containerd.toml"))},
		{name: "kubelet", needs: []string{apiserver, "unix:" + containerdSocket}, args: program("kubelet",
			"--config="+c.path("kubelet.yaml"), "--kubeconfig="+pki("kubelet.kubeconfig"),
			"--hostname-override="+nodeName, "--node-ip="+nodeAddress,
			"--volume-plugin-dir=/var/lib/kubelet/volume-plugins")},
		{name: "kube-proxy", needs: []string{apiserver}, args: program("kube-proxy",
			"--kubeconfig="+pki("kube-proxy.kubeconfig"), "--hostname-override="+nodeName,
			"--proxy-mode=nftables", "--cluster-cidr="+podNetwork, "--conntrack-max-per-core=0")},
		{name: "coredns", needs: []string{apiserver}, args: program("coredns", "-conf", c.path("Corefile"))},
	}
}
