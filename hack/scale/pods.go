package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
)

// proxy stands in for one: it says on its own address what a proxy of its route does.
type proxy struct {
	route  types.NamespacedName
	manner int

	mu       sync.Mutex
	document string
	told     string
}

func (p *proxy) serves() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.document
}

func (p *proxy) take(document string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.document = document
}

// isNews reports whether the Pod was told this the first time.
func (p *proxy) isNews(told string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.told
	p.told = told
	return told != before
}

// fleet are all proxies.
type fleet struct {
	sayings [manners][readings]saying
	begun   time.Time
	server  *http.Server
	polls   atomic.Int64

	mu        sync.Mutex
	byPod     map[types.NamespacedName]*proxy
	byAddress map[string]*proxy
}

func newFleet(now time.Time) (*fleet, error) {
	route, err := sample()
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range route.Spec.Backends {
		names = append(names, string(route.Spec.Backends[i].Name))
	}
	f := &fleet{begun: now, byPod: map[types.NamespacedName]*proxy{}, byAddress: map[string]*proxy{}}
	if f.sayings, err = sayings(now, names); err != nil {
		return nil, err
	}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	return f, nil
}

func (f *fleet) of(pod types.NamespacedName) *proxy {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byPod[pod]
}

// ServeHTTP answers for the proxy that is asked, by its address.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	f.mu.Lock()
	p := f.byAddress[local.IP.String()]
	f.mu.Unlock()
	if p == nil || r.URL.Path != "/status" {
		http.NotFound(w, r)
		return
	}
	f.polls.Add(1)
	reading := int(time.Since(f.begun)/(5*time.Second)) % readings
	body := &bytes.Buffer{}
	f.sayings[p.manner][reading].write(body, p)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body.Bytes())
}

// stop closes every address.
func (f *fleet) stop() error { return f.server.Close() }

// join opens the address of a Pod.
func (f *fleet) join(pod types.NamespacedName, address string, port int32, p *proxy) error {
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
	if err != nil {
		return fmt.Errorf("listen as Pod %s: %w", pod, err)
	}
	f.mu.Lock()
	f.byPod[pod], f.byAddress[address] = p, p
	f.mu.Unlock()
	go func() { _ = f.server.Serve(l) }()
	return nil
}

// create makes a Deployment's Pod, and has it running and ready.
func (n *nodes) create(ctx context.Context, d *appsv1.Deployment, number int) error {
	pod := &corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: *d.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name, pod.Spec.NodeName = d.Namespace, fmt.Sprintf("%s-7d4b9c6f5-%05d", d.Name, number), "node-1"
	pod.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: d.Name + "-7d4b9c6f5", UID: d.UID, Controller: new(true), BlockOwnerDeletion: new(true),
	}}
	address := fmt.Sprintf("127.1.%d.%d", number/250, number%250+1)
	route := routeOf(d)
	p := &proxy{route: route, manner: number / perRoute % manners, document: n.document(route)}
	if err := n.fleet.join(client.ObjectKeyFromObject(pod), address, admin(pod), p); err != nil {
		return err
	}
	if err := again(ctx, func() error { return existing(n.cluster.admin.Create(ctx, pod)) }); err != nil {
		return fmt.Errorf("create Pod: %w", err)
	}
	p.take(n.document(route))
	now := metav1.Now()
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}}, HostIP: "10.0.0.1", HostIPs: []corev1.HostIP{{IP: "10.0.0.1"}},
		QOSClass: corev1.PodQOSBurstable, StartTime: &now, ObservedGeneration: pod.Generation,
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Ready: true, Started: new(true), Image: c.Image, ImageID: "sha256:0f3b9c7a5d1e2f4a6b8c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a",
			ContainerID: "containerd://4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a0f3b9c7a5d1e2f4a6b8c0d1e2f3a",
			State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	pod.ResourceVersion = ""
	if err := again(ctx, func() error { return n.cluster.admin.Status().Update(ctx, pod) }); err != nil {
		return fmt.Errorf("write status of Pod: %w", err)
	}
	return nil
}

func admin(pod *corev1.Pod) int32 {
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == desired.AdminPortName {
				return p.ContainerPort
			}
		}
	}
	return 0
}

func routeOf(object client.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetLabels()[v1alpha1.RouteLabel]}
}

// existing is no error where what is to be made is there.
func existing(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func conflicts(err error) bool {
	return errors.As(err, new(apierrors.APIStatus)) && apierrors.IsConflict(err)
}
