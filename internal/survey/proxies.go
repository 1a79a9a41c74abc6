package survey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Proxies are how proxies are asked.
type Proxies interface {
	// Open has the proxy of a Pod answer GET on its admin port; the body is to be closed.
	Open(ctx context.Context, pod *corev1.Pod, path string, query url.Values) (io.ReadCloser, error)
}

// podTimeout is what one Pod may take of us.
const podTimeout = 2 * time.Second

// Routes adds up what the Pods of routes say. They are asked through the API server, since
// their addresses are not reachable from outside. The note tells of those that said nothing;
// where none said anything it is the error.
func (c *Cluster) Routes(ctx context.Context, w Wanted) (routes []stats.RouteReport, note, err error) {
	where := "any namespace"
	if w.Namespace != "" {
		where = "namespace " + w.Namespace
	}
	pods, err := c.proxies(ctx, w)
	if err != nil {
		return nil, nil, fmt.Errorf("list proxies in %s: %w", where, err)
	}
	if len(pods) == 0 {
		what := "a proxy"
		if w.Name != "" {
			what = fmt.Sprintf("a proxy of route %q", w.Name)
		}
		return nil, fmt.Errorf("no Pod in %s has %s; see -n and -A", where, what), nil
	}
	reports, errs := c.ask(ctx, pods)
	routes, note = addUp(reports), silent(errs)
	if len(routes) == 0 {
		return nil, nil, note
	}
	return routes, note, nil
}

// proxies are the Pods that have a proxy of what is wanted.
func (c *Cluster) proxies(ctx context.Context, w Wanted) ([]corev1.Pod, error) {
	var of client.ListOption = client.HasLabels{v1alpha1.RouteLabel}
	if w.Name != "" {
		of = client.MatchingLabels{v1alpha1.RouteLabel: w.Name}
	}
	list := &corev1.PodList{}
	if err := c.Objects.List(ctx, list, client.InNamespace(w.Namespace), of); err != nil {
		return nil, err
	}
	return list.Items, nil
}

// PodsOf are the Pods that have a proxy of one route.
func (c *Cluster) PodsOf(ctx context.Context, w Wanted) ([]corev1.Pod, error) {
	list, err := c.proxies(ctx, w)
	return list, Explained(err, "list the Pods of the route")
}

// ask asks Pods side by side. There is a report or an error of each.
func (c *Cluster) ask(ctx context.Context, pods []corev1.Pod) ([]*stats.Report, []error) {
	reports, errs := make([]*stats.Report, len(pods)), make([]error, len(pods))
	c.each(pods, func(i int, pod *corev1.Pod) { reports[i], errs[i] = c.askPod(ctx, pod) })
	return reports, errs
}

// each does something for each of some Pods, as many at a time as may be asked.
func (c *Cluster) each(pods []corev1.Pod, do func(i int, pod *corev1.Pod)) {
	var asking sync.WaitGroup
	for i := range pods {
		c.asking <- struct{}{}
		asking.Go(func() {
			defer func() { <-c.asking }()
			do(i, &pods[i])
		})
	}
	asking.Wait()
}

// open asks a Pod's proxy, and has its answer read within podTimeout.
func (c *Cluster) open(ctx context.Context, pod *corev1.Pod, path string, query url.Values, read func(io.Reader) ([]byte, error)) ([]byte, error) {
	if phase := pod.Status.Phase; phase != "" && phase != corev1.PodRunning {
		return nil, fmt.Errorf("the Pod is %s", phase)
	}
	ctx, cancel := context.WithTimeout(ctx, podTimeout)
	defer cancel()
	body, err := c.Proxies.Open(ctx, pod, path, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	return read(body)
}

// decode has answers wait for a turn to be decoded.
func (c *Cluster) decode(do func()) {
	c.decoding <- struct{}{} // for milliseconds: nothing is waited for within
	defer func() { <-c.decoding }()
	do()
}

// askPod asks the proxy of a Pod for its report on the route that the Pod's label names,
// and on no other: whoever may create Pods in a namespace has no say about those of
// another.
func (c *Cluster) askPod(ctx context.Context, pod *corev1.Pod) (report *stats.Report, err error) {
	bounds := stats.Bounds{{Namespace: pod.Namespace, Name: pod.Labels[v1alpha1.RouteLabel]}}
	raw, err := c.open(ctx, pod, "/status", nil, bounds.Read)
	if err == nil {
		c.decode(func() { report, err = bounds.Decode(raw, time.Now()) })
	}
	if err != nil {
		return nil, fmt.Errorf("ask proxy %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return report, nil
}

// callsOf asks the proxy of a Pod for the last calls of a route, after one of a number.
func (c *Cluster) callsOf(ctx context.Context, pod *corev1.Pod, w Wanted, after uint64) (report *calls.Report, err error) {
	raw, err := c.open(ctx, pod, calls.Path, url.Values{
		calls.ParameterRoute: {w.Namespace + "/" + w.Name}, calls.ParameterAfter: {strconv.FormatUint(after, 10)},
	}, func(in io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(in, calls.MaxReport+1)) })
	if err == nil {
		c.decode(func() { report, err = calls.Read(bytes.NewReader(raw), w.Namespace, w.Name) })
	}
	return report, Explained(err, "ask for calls")
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
