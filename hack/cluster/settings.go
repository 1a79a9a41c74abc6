package main

const (
	nodeName          = "node"
	nodeAddress       = "10.245.0.1"
	podNetwork        = "10.244.0.0/16"
	serviceNetwork    = "10.96.0.0/16"
	apiServiceAddress = "10.96.0.1"

	containerdSocket = "/run/containerd/containerd.sock"
	cgroupRoot       = "fanout-cluster"
	pauseImage       = "fanout.local/pause:1"
)

// kubeconfig takes the authority, the server, the certificate and the key.
const kubeconfig = `apiVersion: v1
kind: Config
clusters:
- name: fanout
  cluster: {certificate-authority-data: %s, server: "%s"}
users:
- name: fanout
  user: {client-certificate-data: %s, client-key-data: %s}
contexts:
- name: fanout
  context: {cluster: fanout, user: fanout}
current-context: fanout
`

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
cgroupRoot: /` + cgroupRoot + `
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://` + containerdSocket + `
clusterDomain: cluster.local
clusterDNS: [` + nodeAddress + `]
resolvConf: /run/resolv.conf
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %s}
authorization: {mode: Webhook}
evictionHard: {memory.available: 50Mi, nodefs.available: 1%%, imagefs.available: 1%%}
imageGCHighThresholdPercent: 100
imageMaximumGCAge: 0s
maxPods: 250
`

// In a Pod of a machine without CAP_SYS_RESOURCE a lower oom_score_adj is refused,
// and every sandbox would die with "can't get final child's PID from pipe".
const containerdConfig = `version = 3
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
runtime_path = '%[1]s/containerd-shim-runc-v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '/usr/sbin/runc'
SystemdCgroup = false
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['/usr/lib/cni']
conf_dir = '%[2]s'
[plugins.'io.containerd.internal.v1.opt']
path = '/var/lib/containerd/opt'
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.cri.v1.images']
snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '` + pauseImage + `'
`

const cniConfig = `{"cniVersion": "1.0.0", "name": "fanout", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "` + podNetwork + `"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
`

// The first lines of a kind decide: reads of the kubelet and of the components tell
// the tests nothing, and are most of the traffic.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:node:` + nodeName + `", "system:apiserver", "inside"]
- level: Metadata
`

const corefile = `.:53 {
  bind ` + nodeAddress + `
  errors
  health ` + nodeAddress + `:8080
  ready ` + nodeAddress + `:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig %s fanout
    pods insecure
  }
  cache 5
}
`
