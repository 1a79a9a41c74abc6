package fanout

import "context"

// reserve is the first phase: nothing is sent before every backend has said whether it may
// be. Where the call has ended by then, or cannot succeed any more, nothing is sent at all.
func (f *Flight) reserve(client context.Context, reserver Reserver) {
	ctx, cancel := client, context.CancelFunc(func() {})
	if f.d.Computes {
		ctx, cancel = context.WithTimeoutCause(client, f.d.Timeout, ErrTimeout)
	}
	defer cancel()
	for i := range f.legs {
		r, refusal := reserver.Reserve(ctx, i, f.call)
		if f.legs[i].reservation = r; r != nil {
			continue
		}
		if refusal.Outcome == Skipped {
			f.unwanted++
		}
		f.accept(i, refusal)
	}
	if ctx.Err() != nil {
		f.conclude(endOf(ctx))
		return
	}
	if f.judge(); f.verdict == unmet {
		f.conclude(decided)
		return
	}
	f.shade = f.reserveShadows(ctx, reserver)
}
