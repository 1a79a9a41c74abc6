package proxy

import (
	"net/http"
	"testing"

	"github.com/fanout-operator/fanout/internal/calls"
)

// A route without tracing pays nothing for it, and one with tracing nothing for a call that is
// not recorded.
func TestNoTraceTakesNoMemory(t *testing.T) {
	r := &http.Request{Method: http.MethodGet, Header: http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}}}
	for name, route := range map[string]*route{"off": {}, "not recorded": {tracing: &tracing{percent: 100}}} {
		route.recent = calls.NewRecent(calls.NewDesk())
		v := &visit{route: route}
		v.Request = r
		if n := testing.AllocsPerRun(100, func() {
			v.trace()
			v.record()
			v.traced.refused(v)
		}); n != 0 || v.traced != nil {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
