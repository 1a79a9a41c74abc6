package desired_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// flag reads a duration out of a container's arguments.
func flag(t *testing.T, args []string, name string) time.Duration {
	t.Helper()
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			d, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no --%s among %q", name, args)
	return 0
}

// P3: what a proxy is told fits into its Pod's grace period, with the time that cutting
// takes, and whatever a call may take by its timeouts fits into what it is told.
func TestP3DrainFitsIntoTheGracePeriod(t *testing.T) {
	t.Parallel()
	const cutting = 3 * time.Second
	second := routeconfig.Duration(time.Second)
	for _, row := range []struct{ body, dispatch, backend routeconfig.Duration }{
		{1, 1, 1}, {30 * second, 5 * second, 5 * second}, {30 * second, second, 20 * second}, {15 * second, 5 * second, second},
		{600 * second, 600 * second, 600 * second}, {600 * second, 5 * second, 600 * second},
	} {
		in := desired.Input{
			Route: &v1alpha1.FanoutRoute{}, Compiled: &routeconfig.Route{
				Validation: routeconfig.Validation{BodyTimeout: row.body}, Dispatch: routeconfig.Dispatch{Timeout: row.dispatch},
				Backends: []routeconfig.Backend{{Timeout: 1}, {Timeout: row.backend}}},
		}
		pod := children(in).Deployment.Spec.Template.Spec
		grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
		delay, timeout := flag(t, pod.Containers[0].Args, "drain-delay"), flag(t, pod.Containers[0].Args, "drain-timeout")
		if delay+timeout+cutting > grace || timeout < in.Compiled.CallTime() {
			t.Errorf("%+v: delay %s, timeout %s, grace period %s", row, delay, timeout, grace)
		}
	}
	for grace, want := range map[int64]time.Duration{
		-1: 100 * time.Millisecond, 0: 100 * time.Millisecond, 2: 1500 * time.Millisecond, 30: 25 * time.Second, 3600: 3595 * time.Second,
		1 << 62: 24*time.Hour - 5*time.Second,
	} {
		c, _, err := desired.Sidecar(desired.Input{Route: &v1alpha1.FanoutRoute{}, Compiled: &routeconfig.Route{}, Grace: grace})
		if err != nil {
			t.Fatal(err)
		}
		if got := flag(t, c.Args, "drain-timeout"); got != want {
			t.Errorf("a grace period of %d s: --drain-timeout=%s, want %s", grace, got, want)
		}
	}
}
