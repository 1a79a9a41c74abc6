package process

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

type answering struct{}

func (answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK}, nil
}

func TestFenceStopsWritesAfterAGap(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for name, row := range map[string]struct {
		began        time.Time
		method, path string
		passes       bool
	}{
		"a write in time":          {start, http.MethodPatch, "/api/v1/pods", true},
		"a write after a gap":      {start.Add(-time.Minute), http.MethodPatch, "/api/v1/pods", false},
		"a read after a gap":       {start.Add(-time.Minute), http.MethodGet, "/api/v1/pods", true},
		"a lease's after a gap":    {start.Add(-time.Minute), http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", false},
		"a deletion after a gap":   {start.Add(-time.Minute), http.MethodDelete, "/api/v1/pods", false},
		"a write after short gaps": {start.Add(-fenceLimit / 2), http.MethodPost, "/api/v1/pods", true},
	} {
		request, err := http.NewRequestWithContext(t.Context(), row.method, "https://server"+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewFence(row.began).Wrap(answering{}).RoundTrip(request)
		if (err == nil) != row.passes || err != nil && !errors.Is(err, ErrStopped) {
			t.Errorf("%s: error %v, want it to pass: %v", name, err, row.passes)
		}
	}
}

// Whether the ticker or a write comes upon the gap first, no later one passes.
func TestFenceStaysDown(t *testing.T) {
	t.Parallel()
	f := NewFence(time.Now().Add(-time.Minute))
	for range 2 {
		if !errors.Is(f.check(time.Now()), ErrStopped) {
			t.Error("a fence that saw a gap lets writes pass")
		}
	}
	if !errors.Is(f.Start(t.Context()), ErrStopped) {
		t.Error("the process goes on after a gap")
	}
}

// What is read of the Lease is renewed by a write of it that was taken alone.
func TestFenceKnowsWhenTheLeaseWasRenewed(t *testing.T) {
	t.Parallel()
	const leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"
	for name, row := range map[string]struct {
		method, path string
		renews       bool
	}{
		"a renewal":        {http.MethodPut, leases, true},
		"the first one":    {http.MethodPost, "/apis/coordination.k8s.io/v1/namespaces/a/leases", true},
		"a look":           {http.MethodGet, leases, false},
		"another's update": {http.MethodPut, "/api/v1/namespaces/a/configmaps/b", false},
	} {
		f := NewFence(time.Now())
		request, err := http.NewRequestWithContext(t.Context(), row.method, "https://server"+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Wrap(answering{}).RoundTrip(request); err != nil {
			t.Fatal(err)
		}
		if renewed := !f.Renewed().IsZero(); renewed != row.renews {
			t.Errorf("%s: renewed %v, want %v", name, renewed, row.renews)
		}
	}
}
