package cli

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

// unknownTime is for how long an operator is gone whose Lease is, too.
const unknownTime = "an unknown time"

// stale says for how long the operator with a Lease, NAMESPACE/NAME, has not renewed it;
// empty where it has, or where nobody knows: there is no Lease without leader election, and
// it may not be ours to read.
func (c *cluster) stale(ctx context.Context, operator string, now time.Time) string {
	namespace, name, ok := strings.Cut(operator, "/")
	if !ok {
		return ""
	}
	lease := coordinationv1.Lease{}
	err := c.objects.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &lease)
	switch {
	case apierrors.IsNotFound(err):
		return unknownTime
	case err != nil || lease.Spec.RenewTime == nil:
		return ""
	}
	if age := now.Sub(lease.Spec.RenewTime.Time); age > leaseGrace {
		return duration.HumanDuration(age)
	}
	return ""
}
