package stats

import (
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
