package controllers_test

import (
	"context"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// late is a client that does something first when it is to write a status.
type late struct {
	client.Client
	first func()
}

// List implements client.Reader. The API server has no index of Pods by route.
func (l late) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return l.Client.List(ctx, list, slices.DeleteFunc(options, func(o client.ListOption) bool { _, index := o.(client.MatchingFields); return index })...)
}

func (l late) Status() client.SubResourceWriter { return lateStatus{l.Client.Status(), l.first} }

type lateStatus struct {
	client.SubResourceWriter
	first func()
}

func (s lateStatus) Patch(ctx context.Context, answer client.Object, intent client.Patch, options ...client.SubResourcePatchOption) error {
	s.first()
	return s.SubResourceWriter.Patch(ctx, answer, intent, options...)
}

// R4: a route that is deleted just as its status is written is no error.
func TestR4RouteThatIsDeletedAsItsStatusIsWritten(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	o := startOperator(t, namespace)
	o.stop() // the pass is made here, past the cache
	route := newRoute(namespace, "orders", "http://api.lab.svc/")
	create(t, route)
	deleted := false
	o.reconciler.Live, o.reconciler.Client = admin, late{admin, func() {
		deleted = true
		if err := admin.Delete(t.Context(), route); err != nil {
			t.Error(err)
		}
	}}
	o.pass(t, keyOf(route))
	if !deleted {
		t.Error("no status was to be written")
	}
}
