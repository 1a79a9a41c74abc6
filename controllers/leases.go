package controllers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// leaseAsk is how old what is known of another operator's Lease may get: hundreds of
	// routes ask for the same one.
	leaseAsk = 5 * time.Second
	// leaseGrace is how long a Lease counts after it was renewed last, or was there. It is
	// renewed every 2 s; an upgrade gives it up, and takes it again once the new Pods run.
	// One that is deleted may be made again by an operator that lives.
	leaseGrace = time.Minute
)

// leaseState is what another operator's Lease says of it.
type leaseState uint8

const (
	leaseGone leaseState = iota
	leaseRenewed
	leaseUnreadable
)

// leases remembers the Leases of other operators. Its methods are safe for concurrent use.
type leases struct {
	mu   sync.Mutex
	seen map[string]leaseSeen
}

// leaseSeen is one of them. What counts is when it was seen to change, by our clock:
// another node's may be wrong.
type leaseSeen struct {
	state          leaseState
	record         string
	asked, changed time.Time
}

// state reads the Lease of an operator, or remembers it.
func (l *leases) state(ctx context.Context, reader client.Reader, operator string, now time.Time) (leaseState, error) {
	l.mu.Lock()
	last, ok := l.seen[operator]
	l.mu.Unlock()
	if ok && now.Sub(last.asked) < leaseAsk {
		return last.state, nil
	}
	record, state, err := readLease(ctx, reader, operator)
	if err != nil {
		return leaseGone, err
	}
	if !ok || record != last.record {
		last.record, last.changed = record, now
	}
	last.state, last.asked = state, now
	if state == leaseRenewed && now.Sub(last.changed) >= leaseGrace {
		last.state = leaseGone
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]leaseSeen{}
	}
	l.seen[operator] = last
	for name, other := range l.seen { // of whom no route asks any more
		if now.Sub(other.asked) > 2*leaseGrace {
			delete(l.seen, name)
		}
	}
	return last.state, nil
}

// readLease returns what a renewal changes. A Lease that is not there is as one that is not
// renewed any more. A name that is none cannot be read.
func readLease(ctx context.Context, reader client.Reader, operator string) (string, leaseState, error) {
	namespace, name, ok := strings.Cut(operator, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return "", leaseUnreadable, nil
	}
	lease := &coordinationv1.Lease{}
	err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, lease)
	switch {
	case apierrors.IsNotFound(err):
		return "none", leaseRenewed, nil
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return "", leaseUnreadable, nil
	case err != nil:
		return "", leaseGone, fmt.Errorf("read lease %s: %w", operator, err)
	}
	return string(lease.UID) + " " + lease.ResourceVersion, leaseRenewed, nil
}
