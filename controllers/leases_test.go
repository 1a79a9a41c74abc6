package controllers

import (
	"context"
	"strconv"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shelf has one Lease, of a version, or says why not.
type shelf struct {
	client.Reader
	version int
	fails   error
	asked   int
}

func (s *shelf) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	s.asked++
	if s.fails != nil {
		return s.fails
	}
	object.(*coordinationv1.Lease).ResourceVersion = strconv.Itoa(s.version)
	return nil
}

// L8: a Lease counts while it is seen to be renewed, by our clock, and is asked for once
// for all routes.
func TestL8LeaseCountsWhileItIsRenewed(t *testing.T) {
	t.Parallel()
	l, s, now := &leases{}, &shelf{}, time.Now()
	state := func(after time.Duration) leaseState {
		t.Helper()
		got, err := l.state(t.Context(), s, "ns/name", now.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for i := range 40 { // renewed for two minutes
		s.version = i
		if state(time.Duration(i)*3*time.Second) != leaseRenewed {
			t.Fatalf("a Lease that is renewed does not count at step %d", i)
		}
	}
	if s.asked > 24 {
		t.Errorf("asked %d times within two minutes", s.asked)
	}
	state(2 * time.Minute)
	if state(3*time.Minute-5*time.Second) != leaseRenewed || state(3*time.Minute) != leaseGone {
		t.Error("a Lease that was not renewed counts for another time than a minute")
	}
	s.version++
	if state(4*time.Minute) != leaseRenewed {
		t.Error("a Lease that is renewed again does not count")
	}
	resource := schema.GroupResource{Resource: "leases"}
	s.fails = apierrors.NewForbidden(resource, "name", nil)
	if state(5*time.Minute) != leaseUnreadable {
		t.Error("a Lease that may not be read is taken for another one")
	}
	s.fails = apierrors.NewNotFound(resource, "name")
	if state(6*time.Minute) != leaseRenewed || state(7*time.Minute) != leaseGone {
		t.Error("a Lease that is no more counts for another time than a minute")
	}
	s.fails = apierrors.NewInternalError(context.DeadlineExceeded)
	if _, err := l.state(t.Context(), s, "ns/name", now.Add(8*time.Minute)); err == nil {
		t.Error("an API server that does not say is taken at its word")
	}
	for _, name := range []string{"", "x", "a/b/c", "/"} {
		if got, _ := l.state(t.Context(), s, name, now); got != leaseUnreadable {
			t.Errorf("%q is a Lease", name)
		}
	}
}

// L8: a Lease that somebody deletes, to have its operator elected anew, counts until that
// has had a minute to make it again; and one that was never there for as long.
func TestL8LeaseThatIsDeletedCountsForAMinute(t *testing.T) {
	t.Parallel()
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, "name")
	for name, seen := range map[string]bool{"one that was there": true, "one that was not": false} {
		l, s, now := &leases{}, &shelf{}, time.Now()
		if seen {
			if state, err := l.state(t.Context(), s, "ns/name", now.Add(-time.Minute)); err != nil || state != leaseRenewed {
				t.Errorf("%s: state %d, %v", name, state, err)
			}
		}
		s.fails = gone
		for _, row := range []struct {
			after time.Duration
			want  leaseState
		}{{0, leaseRenewed}, {55 * time.Second, leaseRenewed}, {time.Minute, leaseGone}} {
			if state, err := l.state(t.Context(), s, "ns/name", now.Add(row.after)); err != nil || state != row.want {
				t.Errorf("%s: state %d after %v, want %d: %v", name, state, row.after, row.want, err)
			}
		}
		s.fails = nil
		if state, err := l.state(t.Context(), s, "ns/name", now.Add(2*time.Minute)); err != nil || state != leaseRenewed {
			t.Errorf("%s: made again, it is in state %d, %v", name, state, err)
		}
	}
}
