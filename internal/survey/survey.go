// Package survey looks at the routes of a cluster for people: what is wrong with each, its Pods and
// what their proxies say, its events, and what to do next. It reads, and writes nothing. fanoutctl
// asks with the rights of whoever runs it, the operator's page with the operator's.
package survey

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// Options are those of a Cluster; all are required.
type Options struct {
	// Objects has FanoutRoutes and Pods, Live Leases and events: a cache of those would hold
	// all of the cluster.
	Objects, Live client.Reader
	Proxies       Proxies
	// AtOnce is how many proxies are asked side by side: one that is silent does not keep us
	// from the others. Each may take 2 MiB of us meanwhile.
	AtOnce int
}

// decoders is how many answers of proxies are decoded at once, of which each may take some ten
// times its length.
const decoders = 2

// Cluster is one that is asked about routes. It is safe for concurrent use.
type Cluster struct {
	Options

	asking, decoding chan struct{}
}

// New returns a Cluster. Nothing is asked yet.
func New(o Options) *Cluster {
	return &Cluster{Options: o, asking: make(chan struct{}, o.AtOnce), decoding: make(chan struct{}, decoders)}
}

// Wanted are the routes to look at; an empty name or namespace is that of any.
type Wanted struct{ Namespace, Name string }

// List returns the wanted routes, in the order of namespace and name.
func (c *Cluster) List(ctx context.Context, w Wanted) ([]v1alpha1.FanoutRoute, error) {
	if w.Name != "" {
		route := v1alpha1.FanoutRoute{}
		if err := c.Objects.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: w.Name}, &route); err != nil {
			return nil, Explained(err, fmt.Sprintf("get route %s/%s", w.Namespace, w.Name))
		}
		return []v1alpha1.FanoutRoute{route}, nil
	}
	list := &v1alpha1.FanoutRouteList{}
	if err := c.Objects.List(ctx, list, client.InNamespace(w.Namespace)); err != nil {
		return nil, Explained(err, "list routes")
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.FanoutRoute) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return list.Items, nil
}

// Explained adds what to do to an error of the API server.
func Explained(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("%s: the cluster has no FanoutRoutes: install Fanout's CRD, or name another cluster by --context: %w", what, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s: the cluster role view, bound in the namespace, gives the right: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
