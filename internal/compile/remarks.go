package compile

import (
	"fmt"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Remark is what an author should know of a spec that is accepted.
type Remark struct {
	// Reason is one of the condition Accepted, Message a sentence without its end.
	Reason, Message string
}

// Remarks are those on a route that compiles to this one, the gravest first: what its
// proxies may be killed for, or refuse calls for, then who may call, and then what has no
// effect. The expressions are those of Unchecked.
func Remarks(route *v1alpha1.FanoutRoute, compiled *routeconfig.Route, expressions []Expression) []Remark {
	var list []Remark
	for _, message := range narrow(route, compiled) {
		list = append(list, Remark{v1alpha1.ReasonMemoryLimitTooSmall, message})
	}
	if open(route.Spec.Authentication) {
		list = append(list, Remark{v1alpha1.ReasonAcceptedUnauthenticated, "anyone may call, since spec.authentication names no way to know callers"})
	}
	for _, message := range unused(route, compiled, expressions) {
		list = append(list, Remark{v1alpha1.ReasonWithoutEffect, message})
	}
	return list
}

// What docs/operations/memory.md has measured of a proxy, in bytes.
const (
	processTakes    = 14 << 20
	callTakes       = 8 << 10
	answerTakes     = 4 << 10
	connectionTakes = 20 << 10 // twice that with TLS
	statisticsTake  = 55 << 10 // of a backend
	limiterTakes    = 5 << 20  // of a limit with a key
)

// narrow says what of the route's own bounds its memory limit cannot hold: one call with
// bodies as large as they may be, and as many calls without bodies as may be in flight.
// Without a limit there is nothing to say.
func narrow(route *v1alpha1.FanoutRoute, compiled *routeconfig.Route) []string {
	quantity, ok := route.Spec.Proxy.Resources.Limits["memory"]
	if !ok {
		return nil
	}
	limit := quantity.Value()
	need := func(fits func(limit int64) bool) int64 { // the least limit that does, in MiB
		mebibytes := max(limit>>20, 0) + 1
		for !fits(mebibytes << 20) {
			mebibytes++
		}
		return mebibytes
	}
	var list []string
	call := callBytes(compiled)
	oneFits := func(limit int64) bool { return room(limit) >= call }
	if !oneFits(limit) {
		list = append(list, fmt.Sprintf("spec.proxy.resources.limits.memory is %s, which leaves %s for bodies: a call with bodies of "+
			"validation.maxBodySize and maxResponseSize takes %s and is refused; set the limit to %dMi or lower those",
			quantity.String(), size(room(limit)), size(call), need(oneFits)))
	}
	allFit := func(limit int64) bool { return most(compiled, limit) <= limit }
	if !allFit(limit) {
		list = append(list, fmt.Sprintf("spec.proxy.resources.limits.memory is %s: with dispatch.maxInFlight (%d) calls to %d backends at once a proxy "+
			"takes up to %s and is killed; set the limit to %dMi or lower dispatch.maxInFlight",
			quantity.String(), compiled.Dispatch.MaxInFlight, len(compiled.Backends)+len(compiled.Shadows), size(most(compiled, limit)), need(allFit)))
	}
	return list
}

// divided is how a proxy divides what it has under a limit: half of it is its budget.
func divided(limit int64) (budget int64, m routeconfig.Memory) {
	budget = limit / 2
	return budget, routeconfig.Divide(budget, 0)
}

// room is what there is for the bodies of calls.
func room(limit int64) int64 {
	_, m := divided(limit)
	return m.Bodies
}

// callBytes is what a call takes of the budget with bodies as large as they may be: the
// request, and answers twice where a response is made of them. Others pass through.
func callBytes(r *routeconfig.Route) int64 {
	sum := r.Validation.MaxBodySize
	if !r.Response.Combined() {
		return sum
	}
	for i := range r.Backends {
		sum += 2 * r.Backends[i].MaxResponseSize
	}
	return sum
}

// most is what a proxy takes at most, by the formula of docs/operations/memory.md.
func most(r *routeconfig.Route, limit int64) int64 {
	budget, m := divided(limit)
	backends, connection := int64(len(r.Backends)+len(r.Shadows)), int64(connectionTakes)
	if r.Listener.TLSSecret != "" {
		connection *= 2
	}
	if len(r.Shadows) > 0 {
		budget += m.Shadows
	}
	sum := processTakes + budget + int64(r.Dispatch.MaxInFlight)*(callTakes+answerTakes*backends) +
		int64(m.Connections)*connection + backends*statisticsTake
	for i := range r.RateLimits {
		if r.RateLimits[i].Key != routeconfig.KeyNone {
			sum += limiterTakes
		}
	}
	return sum
}

func size(bytes int64) string { return fmt.Sprintf("%dMi", (bytes+1<<20-1)>>20) }
