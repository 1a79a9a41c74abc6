package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

const (
	// perRoute is how many Pods a route has.
	perRoute = 2
	// refresh is how long a kubelet takes until a file in a Pod that was just changed is the new
	// one. It was measured (nudge.go); without a change of the Pod it would take a minute.
	refresh = 190 * time.Millisecond
	// hands is how many Deployments are minded at once.
	hands = 12
)

// nodes stand in for the Deployments' controller and the kubelets: of each Deployment they
// make the Pods, let each have the document that there is, and again when the Pod is changed. What
// they see of routes they tell the watcher.
type nodes struct {
	cluster *cluster
	fleet   *fleet
	watcher *watcher
	queue   workqueue.TypedInterface[types.NamespacedName] // Deployments
	cache   cache.Cache

	mu        sync.Mutex
	documents map[types.NamespacedName]string // hash of each route's, by its ConfigMap
	made      map[types.NamespacedName]int    // Deployments, in order
	failed    error
}

func startNodes(ctx context.Context, c *cluster, f *fleet, w *watcher) (*nodes, error) {
	s, err := scheme()
	if err != nil {
		return nil, err
	}
	n := &nodes{
		cluster: c, fleet: f, watcher: w, queue: workqueue.NewTyped[types.NamespacedName](),
		documents: map[types.NamespacedName]string{}, made: map[types.NamespacedName]int{},
	}
	if n.cache, err = cache.New(c.config, cache.Options{Scheme: s}); err != nil {
		return nil, fmt.Errorf("set up cache: %w", err)
	}
	for object, on := range map[client.Object]func(client.Object){
		&appsv1.Deployment{}:    func(o client.Object) { n.queue.Add(client.ObjectKeyFromObject(o)) },
		&corev1.ConfigMap{}:     n.written,
		&corev1.Pod{}:           n.changed,
		&v1alpha1.FanoutRoute{}: w.saw,
	} {
		informer, err := n.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
		tell := func(content any) {
			if o, ok := content.(client.Object); ok {
				on(o)
			}
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: tell, UpdateFunc: func(_, now any) { tell(now) }}); err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
	}
	go func() { n.fail(n.cache.Start(ctx)) }()
	for range hands {
		go n.work(ctx)
	}
	go func() {
		<-ctx.Done()
		n.queue.ShutDown()
	}()
	if !n.cache.WaitForCacheSync(ctx) {
		return nil, errors.Join(errors.New("the watch did not begin"), context.Cause(ctx))
	}
	return n, nil
}

func (n *nodes) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failed == nil && err != nil {
		n.failed = err
	}
}

// fault is the first that there was.
func (n *nodes) fault() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failed
}

// written notes a route's document.
func (n *nodes) written(configMap client.Object) {
	of, ok := configMap.(*corev1.ConfigMap)
	if !ok || of.Labels[v1alpha1.RouteLabel] == "" {
		return
	}
	hash := routeconfig.Hash([]byte(of.Data[desired.DocumentKey]))
	n.mu.Lock()
	before := n.documents[routeOf(of)]
	n.documents[routeOf(of)] = hash
	n.mu.Unlock()
	if before != hash {
		n.watcher.written(routeOf(of))
	}
}

// changed lets a Pod that the operator has changed have the newest document, as a kubelet does.
func (n *nodes) changed(pod client.Object) {
	if pod.GetAnnotations()[v1alpha1.NudgeAnnotation] == "" {
		return
	}
	told := pod.GetAnnotations()[v1alpha1.DocumentAnnotation] + " " + pod.GetAnnotations()[v1alpha1.NudgeAnnotation]
	if p := n.fleet.of(client.ObjectKeyFromObject(pod)); p != nil && p.isNews(told) {
		time.AfterFunc(refresh, func() { p.take(n.document(p.route)) })
	}
}

func (n *nodes) document(route types.NamespacedName) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.documents[route]
}

func (n *nodes) work(ctx context.Context) {
	for {
		key, shut := n.queue.Get()
		if shut {
			return
		}
		if err := n.mind(ctx, key); err != nil && ctx.Err() == nil {
			n.fail(err)
		}
		n.queue.Done(key)
	}
}

// mind does for a Deployment what its controller and the kubelets do.
func (n *nodes) mind(ctx context.Context, key types.NamespacedName) error {
	d := &appsv1.Deployment{}
	if err := n.cache.Get(ctx, key, d); err != nil {
		return client.IgnoreNotFound(err)
	}
	if d.Status.ObservedGeneration == d.Generation || d.Labels[v1alpha1.RouteLabel] == "" {
		return nil
	}
	n.mu.Lock()
	at, known := n.made[key]
	if !known {
		at = len(n.made)
		n.made[key] = at
	}
	n.mu.Unlock()
	if !known {
		for i := range perRoute {
			if err := n.create(ctx, d, perRoute*at+i); err != nil {
				return err
			}
		}
	}
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: perRoute, UpdatedReplicas: perRoute, ReadyReplicas: perRoute, AvailableReplicas: perRoute,
		Conditions: []appsv1.DeploymentCondition{
			{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable", Message: "Deployment has minimum availability."},
			{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable",
				Message: `ReplicaSet "` + d.Name + `-7d4b9c6f5" has successfully progressed.`},
		},
	}
	return again(ctx, func() error {
		if err := n.cluster.admin.Status().Update(ctx, d); client.IgnoreNotFound(err) != nil && !conflicts(err) {
			return fmt.Errorf("write status of Deployment %s: %w", key, err)
		}
		return nil // a conflict brings an event
	})
}
