package proxy

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/fanout"
)

// record has the call recorded where somebody looks at its route, or it is traced; the entry
// is nil where nobody looks.
func (v *visit) record() *calls.Entry {
	entry, t := v.look(), v.traced
	if entry == nil && t == nil {
		return nil
	}
	call := &v.admission.Call
	o := fanout.RecordOptions{Backends: len(v.route.backends), Shadows: len(v.route.shadows), Arrived: v.start}
	if t != nil {
		t.admit(v.route.gate.Rule(call))
		o.Mark, o.Done = t.mark, t.done
	}
	switch {
	case entry == nil:
	case t == nil:
		o.Done = entry.Done
	default:
		o.Done = func(r *fanout.Record) { entry.Done(r); t.done(r) }
	}
	if call.Record = fanout.NewRecord(o); entry != nil {
		entry.Follow(call.Record)
	}
	return entry
}

// look is the entry of the call where somebody looks at its route, else nil.
func (v *visit) look() *calls.Entry {
	if !v.route.recent.Wanted() {
		return nil
	}
	call := &v.admission.Call
	return v.route.recent.Begin(time.Now(), call.Method, v.route.gate.Rule(call), v.route.names)
}

// calls answers whoever looks at the calls of a route, and has them kept for a while.
func (p *Proxy) calls(w http.ResponseWriter, r *http.Request) {
	query, now := r.URL.Query(), time.Now()
	after, err := strconv.ParseUint(query.Get(calls.ParameterAfter), 10, 64)
	if err != nil && query.Has(calls.ParameterAfter) {
		http.Error(w, "the parameter after is the number seq of a report", http.StatusBadRequest)
		return
	}
	current := p.plan.Load()
	if current == nil || current.routes[query.Get(calls.ParameterRoute)] == nil {
		http.Error(w, "the parameter route is NAMESPACE/NAME of a route that is served here", http.StatusNotFound)
		return
	}
	route := current.routes[query.Get(calls.ParameterRoute)]
	report, err := route.recent.Ask(now, after)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTooManyRequests)
		return
	}
	report.Namespace, report.Name = route.config.Namespace, route.config.Name
	for _, b := range route.backends {
		report.Backends = append(report.Backends, b.stands(now))
	}
	for _, s := range route.shadows {
		of := s.stands(now)
		of.Shadow = true
		report.Backends = append(report.Backends, of)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(report) // the reader's going away is its own business
}

// stands is how the backend does now.
func (b *receiver) stands(now time.Time) calls.Backend {
	l := b.Load(now)
	return calls.Backend{
		Name: b.name, Circuit: string(b.Circuit(now)), Busy: l.Busy, Slots: l.Slots, Queued: l.Queued, Places: l.Places,
		Tokens: l.Tokens, Burst: l.Burst,
	}
}
