package proxy_test

import (
	"sync"
	"sync/atomic"

	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// load sends calls to the route orders, four at once, until stop, which tells how
// many were sent and how many did not get a 200.
func load(p *proxytest.Proxy) (stop func() (calls, failed int64)) {
	var sent, refused atomic.Int64
	ended := make(chan struct{})
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				sent.Add(1)
				if r := p.Do("POST", "orders", "/", "{}"); r.Status != 200 {
					refused.Add(1)
				}
			}
		})
	}
	return func() (calls, failed int64) {
		close(ended)
		running.Wait()
		return sent.Load(), refused.Load()
	}
}
