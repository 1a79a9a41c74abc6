package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// clusterRoutes adds up what the Pods of all routes say. They are asked through
// the API server, since their addresses are not reachable from outside.
func clusterRoutes(ctx context.Context, kubeconfig, name string) ([]stats.RouteReport, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: name}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1 // podsAtOnce bounds what is under way: Pods must not time out in our own queue
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.RouteLabel})
	if err != nil {
		return nil, fmt.Errorf("list proxies: %w", err)
	}
	reports := make([]*stats.Report, len(pods.Items))
	errs := make([]error, len(pods.Items))
	slots := make(chan struct{}, podsAtOnce)
	var asking sync.WaitGroup
	for i := range pods.Items {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			reports[i], errs[i] = askPod(ctx, client, &pods.Items[i])
		})
	}
	asking.Wait()
	out := addUp(reports)
	if len(out) == 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// addUp adds up the reports of each route, in the order of the Pods. Those that did not
// answer have none.
func addUp(reports []*stats.Report) []stats.RouteReport {
	byRoute := map[string][]stats.RouteReport{}
	var order []string
	for _, report := range reports {
		if report == nil || len(report.Routes) == 0 {
			continue
		}
		r := report.Routes[0]
		id := r.Namespace + "/" + r.Name
		if byRoute[id] == nil {
			order = append(order, id)
		}
		byRoute[id] = append(byRoute[id], r)
	}
	var out []stats.RouteReport
	for _, id := range order {
		out = append(out, stats.Merge(byRoute[id]))
	}
	return out
}

const (
	// podTimeout is what one Pod may take of us, podsAtOnce how many are asked side by
	// side: one that is silent does not keep us from the others.
	podTimeout = 2 * time.Second
	podsAtOnce = 16
)

// askPod asks the proxy of a Pod for its report on the route that the Pod's label names,
// and on no other: whoever may create Pods in a namespace has no say about those of
// another.
func askPod(ctx context.Context, client *kubernetes.Clientset, pod *corev1.Pod) (*stats.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, podTimeout)
	defer cancel()
	body, err := client.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "9091", "status", nil).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask proxy %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	bounds := &stats.Bounds{Namespace: pod.Namespace, Name: pod.Labels[v1alpha1.RouteLabel]}
	raw, err := bounds.Read(body)
	if err != nil {
		return nil, fmt.Errorf("ask proxy %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	report, err := bounds.Decode(raw, time.Now())
	if err != nil {
		return nil, fmt.Errorf("ask proxy %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return report, nil
}
