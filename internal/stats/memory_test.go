package stats

import (
	"runtime"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// observed is the statistics of a route of three backends.
type observed struct {
	route    *Route
	backends [3]*Backend
}

func newObserved(now time.Time) *observed {
	o := &observed{route: NewRoute(now)}
	for i := range o.backends {
		o.backends[i] = NewBackend(now)
	}
	return o
}

func (o *observed) record(now time.Time, took time.Duration) {
	for i, b := range o.backends {
		b.Record(now, succeeded(took+time.Duration(i)*time.Millisecond))
	}
	o.route.Record(now, fanout.Complete, took+3*time.Millisecond)
}

// spreadOver is a duration that falls into another bucket with each number.
func spreadOver(i int) time.Duration { return middle(firstBucket + i%buckets) }

// What a proxy remembers of a route follows from what has happened: slots of which each has a
// cell for everything that might took 210 KiB a route after an hour with hardly any traffic.
func TestStatisticsOfAQuietRouteAreSmall(t *testing.T) {
	const routes = 8
	for name, row := range map[string]struct {
		each  time.Duration // a call
		calls int           // at once
		most  int           // bytes a route
	}{
		"a call every 20 s, each of another length": {20 * time.Second, 1, 20 << 10},
		"a call a second, each of another length":   {time.Second, 1, 64 << 10},
		"all that can be counted":                   {25 * time.Second, buckets, 200 << 10},
	} {
		list := make([]*observed, routes)
		before := retained()
		for i := range list {
			list[i] = newObserved(start)
			n := 0
			for at := time.Duration(0); at < time.Hour+10*time.Minute; at += row.each {
				for range row.calls {
					list[i].record(start.Add(at), spreadOver(n))
					n++
				}
			}
		}
		each := (retained() - before) / routes
		t.Logf("%s: %d bytes a route", name, each)
		if each > row.most || each < 4<<10 {
			t.Errorf("%s: a route takes %d bytes after an hour, want %d at most", name, each, row.most)
		}
		runtime.KeepAlive(list)
	}
}

// retained is the heap in use, without what nobody holds.
func retained() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
