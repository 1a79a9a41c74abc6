package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/rates"
	"github.com/fanout-operator/fanout/internal/stats"
)

// Page is the page's source for a cluster. It implements dashboard.Source.
type Page struct {
	*Cluster

	// Namespace is the one that is shown; empty for all.
	Namespace string
	// Where names the cluster to whoever looks.
	Where string
}

// Overview implements dashboard.Source. It costs one list of routes, and one Lease an operator.
func (p *Page) Overview(ctx context.Context) (*dashboard.Overview, error) {
	routes, err := p.List(ctx, Wanted{Namespace: p.Namespace})
	if err != nil {
		return nil, err
	}
	o := &dashboard.Overview{Mode: dashboard.Cluster, Where: p.Where, Operators: []dashboard.Operator{}, Routes: []dashboard.Row{}}
	now := time.Now()
	for i := range routes {
		o.Routes = append(o.Routes, asRow(&routes[i], now))
	}
	for _, lease := range leases(routes) {
		o.Operators = append(o.Operators, p.operator(ctx, lease))
	}
	return o, nil
}

func asRow(route *v1alpha1.FanoutRoute, now time.Time) dashboard.Row {
	r := rowOf(route, now)
	return dashboard.Row{
		Namespace: r.Namespace, Name: r.Name, Ready: r.Ready, Reason: r.Reason, Message: r.Message, Bad: r.Message != "" || r.Ready != "True",
		Backends: r.Backends, Success: r.Success, Rate: r.Rate, P99: r.P99, Age: r.Age, Operator: route.Status.Operator,
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

func (p *Page) operator(ctx context.Context, lease string) dashboard.Operator {
	o := dashboard.Operator{Lease: lease}
	at, gone, ok, why := p.renewed(ctx, lease)
	if o.Gone = gone; ok && !gone {
		age := max(time.Since(at), 0)
		o.AgeSeconds, o.Gone = age.Seconds(), age > leaseGrace
	}
	o.Unknown = why
	return o
}

// one is what is wanted where it is within what was asked for at the start.
func (p *Page) one(namespace, name string) (Wanted, error) {
	if p.Namespace != "" && p.Namespace != namespace {
		return Wanted{}, fmt.Errorf("route %s/%s: fanoutctl dash shows namespace %s alone, see -A: %w", namespace, name, p.Namespace, dashboard.ErrNotFound)
	}
	return Wanted{namespace, name}, nil
}

// Route implements dashboard.Source.
func (p *Page) Route(ctx context.Context, namespace, name string) (*dashboard.Route, error) {
	w, err := p.one(namespace, name)
	if err != nil {
		return nil, err
	}
	routes, err := p.List(ctx, w)
	if apierrors.IsNotFound(err) {
		err = errors.Join(err, dashboard.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	now := time.Now()
	found, err := p.Walk(ctx, w, now)
	if err != nil {
		return nil, err
	}
	out := &dashboard.Route{Row: asRow(&routes[0], now), URL: found.URL, Untold: found.Untold, Next: found.Next, Pods: []dashboard.Pod{}, Events: []dashboard.Event{}, Conditions: []dashboard.Condition{}}
	for i := range found.Conditions {
		c := &found.Conditions[i]
		out.Conditions = append(out.Conditions, dashboard.Condition{
			Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message, Age: age(now, c.LastTransitionTime.Time), Bad: IsBad(c),
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
func addFigures(out *dashboard.Route, found *Walked) {
	sum := stats.RouteReport{}
	if all := addUp(found.reports); len(all) > 0 {
		sum = all[0]
	}
	out.Windows, out.Backends = dashboard.FiguresOf(&sum)
	for i := range sum.Missing {
		out.Missing = append(out.Missing, rates.Missing(&sum.Missing[i]))
	}
	for i := range found.Backends {
		b := &found.Backends[i]
		at := slices.IndexFunc(out.Backends, func(of dashboard.Backend) bool { return of.Name == string(b.Name) })
		if at < 0 {
			at = len(out.Backends)
			out.Backends = append(out.Backends, dashboard.Backend{Name: string(b.Name), Windows: map[string]dashboard.Figures{}})
		}
		out.Backends[at].State = string(b.State)
		if b.LastFailure != nil {
			out.Backends[at].LastFailure = explain(out.Backends[at].LastFailure, b.LastFailure.Message)
		}
	}
}

// explain has a failure, as proxies tell it with its age, say what the operator knows of the same:
// that status 403 refuses the credential of a Secret.
func explain(told, known string) string {
	at := strings.LastIndex(told, ", ")
	if at < 0 || !strings.HasPrefix(known, strings.TrimSuffix(told[:at], ": "+dashboard.Refuses)+": ") {
		return told
	}
	return known + told[at:]
}

// Calls implements dashboard.Source.
func (p *Page) Calls(ctx context.Context, namespace, name, cursor string) (*dashboard.Calls, error) {
	w, err := p.one(namespace, name)
	if err != nil {
		return nil, err
	}
	found, err := p.PodsOf(ctx, w)
	if err != nil {
		return nil, err
	}
	seen, heard := dashboard.ReadCursor(cursor), make([]dashboard.Heard, len(found))
	p.each(found, func(i int, pod *corev1.Pod) {
		heard[i].Proxy = pod.Name
		var err error
		if heard[i].Report, err = p.callsOf(ctx, pod, w, seen[pod.Name]); err != nil {
			heard[i].Silent = fmt.Sprintf("Pod %s: %v", pod.Name, err)
		}
	})
	return dashboard.Gather(heard), nil
}
