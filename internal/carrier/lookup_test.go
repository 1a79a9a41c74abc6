package carrier

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/dial"
)

// A name in use is looked up again when it is time, however many requests there are, and
// not any more when the carrier was closed. An address is never looked up.
func TestNamesAreLookedUpNowAndThen(t *testing.T) {
	t.Parallel()
	for host, moves := range map[string]bool{"api.example.com": true, "192.0.2.1": false} {
		var asked atomic.Int32
		resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			asked.Add(1)
			return nil, errors.New("there is no name server")
		}}
		// What all lookups share is made by the first one, and would belong to the bubble.
		if _, err := resolver.LookupNetIP(t.Context(), "ip", "api.example.com."); err == nil || asked.Swap(0) == 0 {
			t.Fatal("a name was found without a name server")
		}
		synctest.Test(t, func(t *testing.T) {
			c := New(Options{
				Base: &url.URL{Scheme: "http", Host: host}, Dialer: dial.New(dial.Options{Resolver: resolver, LookupEvery: time.Minute}),
			})
			for _, step := range []struct {
				name  string
				after time.Duration
				do    func()
				want  bool
			}{
				{"the first request", 0, func() {}, true},
				{"one soon after it", time.Minute - 1, func() {}, false},
				{"one when it is time", 1, func() {}, true},
				{"one when it is time, after the end", time.Minute, c.Close, false},
			} {
				step.do()
				time.Sleep(step.after)
				c.refresh(time.Now())
				synctest.Wait()
				if asked.Swap(0) > 0 != (step.want && moves) {
					t.Errorf("%s, %s: the name server was asked: %v", host, step.name, !step.want)
				}
			}
		})
	}
}
