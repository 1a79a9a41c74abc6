package fanout

import "context"

// reserve is the first phase: nothing is sent before every backend has said whether it may
// be. Where the call has ended by then, or cannot succeed any more, nothing is sent at all.
func (f *Flight) reserve(client context.Context, reserver Reserver) {
	ctx, cancel := client, context.CancelFunc(func() {})
	if f.d.Computes || f.d.Shares {
		ctx, cancel = context.WithTimeoutCause(client, f.d.Timeout, ErrTimeout)
	}
	defer cancel()
	for i := range f.legs {
		r, refusal := reserver.Reserve(ctx, i, f.call)
		if f.legs[i].reservation = r; r != nil {
			f.call.Record.Backend(i).reserved(r)
			continue
		}
		if refusal.Outcome == Skipped {
			f.unwanted++
		}
		f.accept(i, refusal)
	}
	if f.d.Shares && ctx.Err() == nil && f.possible() {
		reserver.Settle(ctx, f.withdraw)
	}
	if ctx.Err() != nil {
		f.conclude(endOf(ctx))
		return
	}
	if !f.possible() {
		f.conclude(decided)
		return
	}
	f.shade = f.reserveShadows(ctx, reserver)
}

// possible reports whether the policy can still be met.
func (f *Flight) possible() bool {
	f.judge()
	return f.verdict != unmet
}

// withdraw has the answer of a backend stand whose reservation did not.
func (f *Flight) withdraw(backend int, why Answer) {
	f.legs[backend].reservation = nil
	f.accept(backend, why)
}
