package stats

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// Every answer is recorded, so that what it takes is a price of each call. go test -cpu 2 has two
// cores contend for one backend, which is the worst there is.
func BenchmarkRecord(b *testing.B) {
	for name, a := range map[string]fanout.Answer{
		"succeeded": {Outcome: fanout.Succeeded, Status: 200, Attempts: 1, Elapsed: 3 * time.Millisecond},
		"rejected":  {Outcome: fanout.Rejected, Reason: fanout.RateLimited},
	} {
		b.Run(name, func(b *testing.B) {
			now := time.Now()
			backend := NewBackend(now)
			b.ReportAllocs()
			b.RunParallel(func(loop *testing.PB) {
				a := a
				for loop.Next() {
					backend.Record(now, &a)
				}
			})
		})
	}
}

// What /status says of a backend, after an hour of all kinds of durations.
func BenchmarkReport(b *testing.B) {
	backend, now := NewBackend(start), start
	for i := range 3600 {
		now = start.Add(time.Duration(i) * time.Second)
		backend.Record(now, succeeded(time.Duration(1+i%40)*time.Millisecond))
	}
	b.ReportAllocs()
	for b.Loop() {
		backend.Report(now, "one")
	}
}

// What closing a slot takes, which happens to one answer in five seconds.
func BenchmarkTurn(b *testing.B) {
	backend, now := NewBackend(start), start
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(5 * time.Second)
		backend.Record(now, succeeded(time.Duration(1+i%40)*time.Millisecond))
	}
}

// What an operator takes for one answer of a proxy with a route of three backends, of which it polls
// thousands.
func BenchmarkDecode(b *testing.B) {
	o, now := newObserved(start), start
	for i := range 600 {
		now = start.Add(time.Duration(i) * time.Second)
		o.record(now, time.Duration(2+i%20)*time.Millisecond)
	}
	for name, of := range map[string][]string{"all windows": nil, "one window": {Window5m}} {
		r := RouteReport{Namespace: "shop", Name: "orders", Windows: o.route.Windows(now, of...)}
		bounds := ofOrders(len(o.backends))
		for i, backend := range o.backends {
			r.Backends = append(r.Backends, backend.Report(now, fmt.Sprintf("b%d", i), of...))
		}
		raw, err := json.Marshal(Report{Version: ReportVersion, Ready: true, Routes: []RouteReport{r}})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bounds.Decode(raw, now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(raw)), "bytes")
		})
	}
}
