package h2

import "testing"

// Who leaves at the very moment at which it is given a place gives it back.
func TestAPlaceIsGivenBack(t *testing.T) {
	t.Parallel()
	p := New(Options{MaxConnections: 1})
	f := newFrames(&sink{}, func() {}, func() {})
	c := &conn{pool: p, frames: f, watch: newWatch(f, nil, nil), calls: 1, limit: 1, most: 1, taken: 1}
	p.leave(&waiter{conn: c})
	if c.calls != 0 {
		t.Errorf("%d calls are counted on the connection", c.calls)
	}
}
