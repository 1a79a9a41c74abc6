package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/stats"
)

// dashCluster is the page's source for a cluster: all is asked for by way of the API server, with
// the rights of whoever runs fanoutctl. It implements dashboard.Source.
type dashCluster struct {
	*cluster

	wanted wanted
	where  string
}

// Overview implements dashboard.Source. It costs one list of routes, and one Lease an operator.
func (d *dashCluster) Overview(ctx context.Context) (*dashboard.Overview, error) {
	routes, err := d.list(ctx, d.wanted)
	if err != nil {
		return nil, err
	}
	o := &dashboard.Overview{Mode: dashboard.Cluster, Where: d.where, Operators: []dashboard.Operator{}, Routes: []dashboard.Row{}}
	for _, r := range d.rows(ctx, routes, time.Now()) {
		o.Routes = append(o.Routes, asRow(&r))
	}
	for _, lease := range leases(routes) {
		o.Operators = append(o.Operators, d.operator(ctx, lease))
	}
	return o, nil
}

func asRow(r *row) dashboard.Row {
	return dashboard.Row{
		Namespace: r.Namespace, Name: r.Name, Ready: r.Ready, Reason: r.Reason, Message: r.Message, Bad: r.Message != "" || r.Ready != "True",
		Backends: r.Backends, Success: r.Success, Rate: r.Rate, P99: r.P99, Age: r.Age,
	}
}

// leases are those of the operators that write the routes' status.
func leases(routes []v1alpha1.FanoutRoute) (list []string) {
	for i := range routes {
		if of := routes[i].Status.Operator; len(routes[i].Status.Conditions) > 1 && !slices.Contains(list, of) {
			list = append(list, of)
		}
	}
	return list
}

func (d *dashCluster) operator(ctx context.Context, lease string) dashboard.Operator {
	o := dashboard.Operator{Lease: lease}
	at, gone, ok, why := d.renewed(ctx, lease)
	if o.Gone = gone; ok && !gone {
		age := max(time.Since(at), 0)
		o.AgeSeconds, o.Gone = age.Seconds(), age > leaseGrace
	}
	o.Unknown = why
	return o
}

// one is what is wanted where it is within what was asked for at the start.
func (d *dashCluster) one(namespace, name string) (wanted, error) {
	if d.wanted.namespace != "" && d.wanted.namespace != namespace {
		return wanted{}, fmt.Errorf("route %s/%s: fanoutctl dash shows namespace %s alone, see -A: %w", namespace, name, d.wanted.namespace, dashboard.ErrNotFound)
	}
	return wanted{namespace, name}, nil
}

// Route implements dashboard.Source.
func (d *dashCluster) Route(ctx context.Context, namespace, name string) (*dashboard.Route, error) {
	w, err := d.one(namespace, name)
	if err != nil {
		return nil, err
	}
	routes, err := d.list(ctx, w)
	if apierrors.IsNotFound(err) {
		err = errors.Join(err, dashboard.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	now := time.Now()
	found, err := d.walk(ctx, w, now)
	if err != nil {
		return nil, err
	}
	rows := d.rows(ctx, routes, now)
	out := &dashboard.Route{Row: asRow(&rows[0]), URL: found.URL, Untold: found.Untold, Next: found.Next, Pods: []dashboard.Pod{}, Events: []dashboard.Event{}, Conditions: []dashboard.Condition{}}
	for i := range found.Conditions {
		c := &found.Conditions[i]
		out.Conditions = append(out.Conditions, dashboard.Condition{
			Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message, Age: duration.HumanDuration(now.Sub(c.LastTransitionTime.Time)), Bad: isBad(c),
		})
	}
	for _, e := range found.Events {
		out.Events = append(out.Events, dashboard.Event(e))
	}
	for i := range found.Pods {
		p := &found.Pods[i]
		out.Pods = append(out.Pods, dashboard.Pod{Name: p.Name, State: p.State, Restarts: p.Restarts, Document: p.Document, Refused: p.Refused, Silent: p.Silent})
	}
	addFigures(out, found)
	return out, nil
}

// addFigures adds what the proxies say, and what the operator made of each backend.
func addFigures(out *dashboard.Route, found *walked) {
	sum := stats.RouteReport{}
	if all := addUp(found.reports); len(all) > 0 {
		sum = all[0]
	}
	out.Windows, out.Backends = dashboard.FiguresOf(&sum)
	for i := range sum.Missing {
		out.Missing = append(out.Missing, dashboard.Lacks(&sum.Missing[i]))
	}
	for i := range found.Backends {
		b := &found.Backends[i]
		at := slices.IndexFunc(out.Backends, func(of dashboard.Backend) bool { return of.Name == string(b.Name) })
		if at < 0 {
			at = len(out.Backends)
			out.Backends = append(out.Backends, dashboard.Backend{Name: string(b.Name), Windows: map[string]dashboard.Figures{}})
		}
		out.Backends[at].State = string(b.State)
	}
}

// Calls implements dashboard.Source.
func (d *dashCluster) Calls(ctx context.Context, namespace, name, cursor string) (*dashboard.Calls, error) {
	w, err := d.one(namespace, name)
	if err != nil {
		return nil, err
	}
	found, err := d.podsOf(ctx, w)
	if err != nil {
		return nil, err
	}
	seen, heard := dashboard.ReadCursor(cursor), make([]dashboard.Heard, len(found))
	slots := make(chan struct{}, podsAtOnce)
	var asking sync.WaitGroup
	for i := range found {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			heard[i] = d.callsOf(ctx, &found[i], w, seen[found[i].Name])
		})
	}
	asking.Wait()
	return dashboard.Gather(heard), nil
}

// callsOf asks the proxy of one Pod.
func (d *dashCluster) callsOf(ctx context.Context, pod *corev1.Pod, w wanted, after uint64) dashboard.Heard {
	heard := dashboard.Heard{Proxy: pod.Name}
	if phase := pod.Status.Phase; phase != "" && phase != corev1.PodRunning {
		heard.Silent = fmt.Sprintf("Pod %s is %s", pod.Name, phase)
		return heard
	}
	ctx, cancel := context.WithTimeout(ctx, podTimeout)
	defer cancel()
	body, err := d.client.CoreV1().Pods(w.namespace).ProxyGet("http", pod.Name, "9091", calls.Path, map[string]string{
		calls.ParameterRoute: w.namespace + "/" + w.name, calls.ParameterAfter: strconv.FormatUint(after, 10),
	}).Stream(ctx)
	if err != nil {
		heard.Silent = fmt.Sprintf("Pod %s: %v", pod.Name, explained(err, "ask for calls"))
		return heard
	}
	defer func() { _ = body.Close() }()
	if heard.Report, err = calls.Read(body, w.namespace, w.name); err != nil {
		heard.Silent = fmt.Sprintf("Pod %s: %v", pod.Name, err)
	}
	return heard
}
