package guard_test

import (
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/proxy"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/testkit/proxytest"
)

// rebind asks names whose addresses change between lookups, and names that have good and bad
// ones, over and over: what is good is reached, and nothing else.
func rebind(t *testing.T, o *observer) {
	t.Helper()
	t.Run("rebind", func(t *testing.T) {
		receiver := func(name, host string) routeconfig.Backend {
			return testkit.Receiver(name, "http://"+host+"/"+name, func(b *routeconfig.Backend) { b.Protocol = routeconfig.ProtocolHTTP1 })
		}
		var routes []routeconfig.Route
		for _, name := range []string{"rebind", "mixed"} {
			routes = append(routes, testkit.Route(name, testkit.Receivers(receiver(name, name+".example"))))
		}
		p := proxytest.ServeWith(t, testkit.NewSecrets(t), proxy.Options{Dialer: dialler(t)}, routes...)
		answers := map[string]map[int]int{"rebind": {}, "mixed": {}}
		for range 40 {
			for name := range answers {
				answers[name][p.Do("POST", name, "/", "{}").Status]++
			}
			time.Sleep(15 * time.Millisecond) // names are looked up again, and their connections given up
		}
		if answers["rebind"][200] == 0 || answers["rebind"][502] == 0 || answers["mixed"][200] != 40 {
			t.Errorf("statuses %v: want both where a name is rebound, and successes alone where a good address is among bad ones", answers)
		}
		if reached := o.forbidden(); len(reached) > 0 {
			t.Errorf("connections to forbidden networks: %q", reached)
		}
		t.Logf("rebinding: 40 calls, statuses %v", answers)
	})
}
