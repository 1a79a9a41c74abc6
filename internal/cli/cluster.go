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
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/stats"
)

// cluster is one that can be asked.
type cluster struct {
	config  *rest.Config
	client  *kubernetes.Clientset
	objects client.Client
	// namespace is that of the context, or the one that a flag names.
	namespace string
}

// routes adds up what the Pods of routes say. They are asked through the API server, since
// their addresses are not reachable from outside. The note tells of those that said nothing;
// where none said anything it is the error.
func (c *cluster) routes(ctx context.Context, w wanted) (routes []stats.RouteReport, note, err error) {
	selector, where := v1alpha1.RouteLabel, "any namespace"
	if w.name != "" {
		selector += "=" + w.name
	}
	if w.namespace != "" {
		where = "namespace " + w.namespace
	}
	pods, err := c.client.CoreV1().Pods(w.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, nil, fmt.Errorf("list proxies in %s: %w", where, err)
	}
	if len(pods.Items) == 0 {
		what := "a proxy"
		if w.name != "" {
			what = fmt.Sprintf("a proxy of route %q", w.name)
		}
		return nil, fmt.Errorf("no Pod in %s has %s; see -n and -A", where, what), nil
	}
	reports, errs := c.ask(ctx, pods.Items)
	routes, note = addUp(reports), silent(errs)
	if len(routes) == 0 {
		return nil, nil, note
	}
	return routes, note, nil
}

// podsOf are the Pods that have a proxy of one route.
func (c *cluster) podsOf(ctx context.Context, w wanted) ([]corev1.Pod, error) {
	pods, err := c.client.CoreV1().Pods(w.namespace).List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.RouteLabel + "=" + w.name})
	if err != nil {
		return nil, explained(err, "list the Pods of the route")
	}
	return pods.Items, nil
}

// ask asks Pods side by side. There is a report or an error of each.
func (c *cluster) ask(ctx context.Context, pods []corev1.Pod) ([]*stats.Report, []error) {
	reports, errs := make([]*stats.Report, len(pods)), make([]error, len(pods))
	slots := make(chan struct{}, podsAtOnce)
	var asking sync.WaitGroup
	for i := range pods {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			reports[i], errs[i] = askPod(ctx, c.client, &pods[i])
		})
	}
	asking.Wait()
	return reports, errs
}

// maxTold is how many Pods that said nothing are told of by name.
const maxTold = 3

// silent tells of Pods that said nothing, nil where there are none.
func silent(errs []error) error {
	var list []error
	n := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		if n++; n <= maxTold {
			list = append(list, err)
		}
	}
	told := errors.Join(list...)
	if told == nil {
		return nil
	}
	return fmt.Errorf("%d of %d Pods did not say how they do, such as these: %w", n, len(errs), told)
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
	if phase := pod.Status.Phase; phase != "" && phase != corev1.PodRunning {
		return nil, fmt.Errorf("ask proxy %s/%s: the Pod is %s", pod.Namespace, pod.Name, phase)
	}
	ctx, cancel := context.WithTimeout(ctx, podTimeout)
	defer cancel()
	body, err := client.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "9091", "status", nil).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask proxy %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	bounds := stats.Bounds{{Namespace: pod.Namespace, Name: pod.Labels[v1alpha1.RouteLabel]}}
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
