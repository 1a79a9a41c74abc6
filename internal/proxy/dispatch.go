package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/combine"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

func newDispatcher(r *route) *fanout.Dispatcher {
	d := &r.config.Dispatch
	o := fanout.Options{
		Backends:    len(r.backends),
		Policy:      policy(r.config),
		Timeout:     time.Duration(d.Timeout),
		Stragglers:  stragglers(d.Stragglers),
		MaxInFlight: d.MaxInFlight,
		Checker:     r,
		Observer:    r,
		Computes:    r.computes,
		Shares:      slices.ContainsFunc(r.config.Backends, func(b routeconfig.Backend) bool { return b.SharesLimit() }),

		ShadowObserver: r,
	}
	for _, s := range r.shadows {
		o.Shadows = append(o.Shadows, fanout.Shadow{
			Percent: s.config.Percent, Reference: s.config.Reference,
			Body: s.config.Compare == routeconfig.CompareBody,
		})
	}
	return fanout.New(o)
}

// Reserve implements fanout.Reserver.
func (v *visit) Reserve(ctx context.Context, i int, call *fanout.Call) (fanout.Reservation, fanout.Answer) {
	reservation, refusal := v.route.backends[i].Reserve(ctx, call, v.admission.Input)
	v.settlement.Add(i, reservation)
	return reservation, refusal
}

// Settle implements fanout.Reserver.
func (v *visit) Settle(ctx context.Context, refuse func(int, fanout.Answer)) {
	v.settlement.Settle(ctx, refuse)
}

// ReserveShadow implements fanout.Reserver. A path that cannot be sent to a shadow is no
// reason to refuse the call.
func (v *visit) ReserveShadow(ctx context.Context, i int, call *fanout.Call) (fanout.Reservation, fanout.Answer) {
	s := v.route.shadows[i]
	if s.CheckPath(call) != nil {
		return nil, fanout.Answer{Outcome: fanout.Skipped}
	}
	return s.Reserve(ctx, call, v.admission.Input)
}

// Check implements fanout.Checker. What the account does is a function that has to be kept, an
// allocation, so small answers do without it.
func (r *route) Check(i int, a *fanout.Answer, account *memory.Account) {
	if len(a.Body) < bulk.Least {
		r.combiner.Check(i, a, account)
		return
	}
	account.Do(len(a.Body), func() { r.combiner.Check(i, a, account) })
}

// combine makes the response, a small one without the allocation as in Check.
func (r *route) combine(result *fanout.Result, dst []byte) combine.Response {
	size := 0
	for i := range result.Answers {
		size += len(result.Answers[i].Body)
	}
	if size < bulk.Least || !r.config.Response.Combined() {
		return r.combiner.Combine(result, dst)
	}
	return r.combineLarge(result, size, dst)
}

func (r *route) combineLarge(result *fanout.Result, size int, dst []byte) (response combine.Response) {
	result.Memory.Do(size, func() { response = r.combiner.Combine(result, dst) })
	return response
}

// Answered implements fanout.Observer.
func (r *route) Answered(i int, a *fanout.Answer) {
	now := time.Now()
	b := r.backends[i]
	b.answers.Record(now, a)
	b.faults.note(now, r.log, r.id, b.name, a)
}

func policy(config *routeconfig.Route) fanout.Policy {
	p := fanout.Policy{Quorum: config.Dispatch.Quorum}
	switch config.Dispatch.Policy {
	case routeconfig.PolicyAny:
		p.Type = fanout.Any
	case routeconfig.PolicyQuorum:
		p.Type = fanout.Quorum
	case routeconfig.PolicyRequired:
		p.Type = fanout.Required
		p.Patient = config.Response.Combined()
	case routeconfig.PolicyBestEffort:
		p.Type = fanout.BestEffort
	}
	required := config.Dispatch.Required
	if config.Response.Type == routeconfig.ResponsePrimary {
		required = append(slices.Clip(required), config.Response.Primary)
	}
	if len(required) > 0 {
		p.Required = make([]bool, len(config.Backends))
		for _, i := range required {
			p.Required[i] = true
		}
	}
	return p
}

func stragglers(name string) fanout.Stragglers {
	switch name {
	case routeconfig.StragglersCancel:
		return fanout.Cancel
	case routeconfig.StragglersFinish:
		return fanout.Finish
	case routeconfig.StragglersWait:
		return fanout.Wait
	}
	return fanout.Auto
}
