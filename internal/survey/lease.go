package survey

import (
	"context"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// leaseGrace is how old a Lease may be whose operator lives: it is renewed every 2 s, and an
// upgrade or another clock than ours takes some.
const leaseGrace = time.Minute

// UnknownTime is for how long an operator is gone whose Lease is, too.
const UnknownTime = "an unknown time"

// renewed is when the operator with a Lease, NAMESPACE/NAME, has renewed it. ok is false where
// nobody knows, and why says so; gone is a Lease that is no more.
func (c *Cluster) renewed(ctx context.Context, operator string) (at time.Time, gone, ok bool, why string) {
	namespace, name, named := strings.Cut(operator, "/")
	if !named {
		return at, false, false, "the operator runs without leader election, so nothing says whether it lives"
	}
	lease := coordinationv1.Lease{}
	err := c.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &lease)
	switch {
	case apierrors.IsNotFound(err):
		return at, true, true, ""
	case err != nil:
		return at, false, false, Explained(err, "read the Lease "+operator).Error()
	case lease.Spec.RenewTime == nil:
		return at, false, false, "the Lease " + operator + " was never renewed"
	}
	return lease.Spec.RenewTime.Time, false, true, ""
}

// Stale says for how long the operator with a Lease, NAMESPACE/NAME, has not renewed it;
// empty where it has, or where nobody knows: there is no Lease without leader election, and
// it may not be ours to read.
func (c *Cluster) Stale(ctx context.Context, operator string, now time.Time) string {
	at, gone, ok, _ := c.renewed(ctx, operator)
	switch age := now.Sub(at); {
	case gone:
		return UnknownTime
	case ok && age > leaseGrace:
		return duration.HumanDuration(age)
	}
	return ""
}
