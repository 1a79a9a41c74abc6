package fanout

import (
	"context"
	"sync"
	"time"
)

// flight is one call under way. Its fields belong to the goroutine that runs it;
// the backends' goroutines only send to arrivals, which has room for all of them.
type flight struct {
	d          *Dispatcher
	call       *Call
	start      time.Time
	answers    []Answer
	asked      []Reservation // by backend; nil where it refused
	unwanted   int           // backends that do not take the call
	arrivals   chan arrival
	waiting    int // backends that have not handed over their answer
	deciding   int
	stragglers Stragglers
	cancels    []context.CancelCauseFunc // by backend
	decided    chan struct{}
	// Streams that nobody has closed yet, and what is closed once their reader is known; nil
	// while there was none.
	streams sync.WaitGroup
	kept    chan struct{}
}

type arrival struct {
	backend int
	answer  Answer
}

func (f *flight) run(client context.Context) *Result {
	ctx, cancel := client, context.CancelFunc(func() {})
	if f.call.Input != nil { // else nothing takes time before something is sent
		ctx, cancel = context.WithTimeoutCause(client, f.d.Timeout, ErrTimeout)
	}
	defer cancel()
	f.reserve(ctx)
	if f.verdict() == unmet || ctx.Err() != nil {
		return f.ground(ctx)
	}
	// Attempts must outlive the client under Finish, so its leaving is passed on
	// by hand.
	base := context.WithoutCancel(client)
	for i, r := range f.asked {
		if r != nil {
			var ctx context.Context
			ctx, f.cancels[i] = context.WithCancelCause(base)
			f.waiting++
			go f.ask(ctx, i, r)
		}
	}
	shade := f.cast(ctx, base)
	f.reserved()
	v, left := f.await(client)
	close(f.decided)
	result := f.result(v)
	shade.decide(result.Answers)
	if left {
		result.end(client, v)
	}
	f.leave()
	return result
}

// reserve asks every backend for the right to send. Those that refuse have their
// answer at once.
func (f *flight) reserve(ctx context.Context) {
	f.asked = make([]Reservation, len(f.answers))
	f.cancels = make([]context.CancelCauseFunc, len(f.answers))
	for i, b := range f.d.Backends {
		r, refusal := b.Reserve(ctx, f.call)
		if r == nil {
			if refusal.Outcome == Skipped {
				f.unwanted++
			}
			f.settle(i, refusal)
			continue
		}
		f.asked[i] = r
	}
}

// ground ends a flight of which nothing was sent: it cannot succeed any more, or its time
// was up before the last backend had reserved.
func (f *flight) ground(ctx context.Context) *Result {
	f.reserved()
	a := Answer{Outcome: Skipped}
	switch {
	case ctx.Err() == nil:
	case timedOut(ctx):
		a = Answer{Outcome: Failed, Reason: Timeout}
	default:
		a = Answer{Outcome: Canceled}
	}
	for i, r := range f.asked {
		if r != nil {
			r.Cancel()
			f.settle(i, a)
		}
	}
	f.land()
	result := f.result(f.verdict())
	if a.Outcome == Canceled {
		result.end(ctx, undecided)
	}
	return result
}

// ask runs in the backend's own goroutine.
func (f *flight) ask(ctx context.Context, i int, r Reservation) {
	a := r.Do(ctx, f.cancels[i], f.call, f.decided)
	if a.Responded() {
		f.d.Checker.Check(i, &a, f.call.Memory)
	}
	a.Elapsed = time.Since(f.start)
	f.arrivals <- arrival{i, a}
}

// settle takes a final answer.
func (f *flight) settle(i int, a Answer) {
	f.answers[i] = a
	f.observe(i, &f.answers[i])
}

// await collects answers until the call is decided, its time is up, or the client
// has left.
func (f *flight) await(client context.Context) (v verdict, left bool) {
	timer := time.NewTimer(f.d.Timeout - time.Since(f.start)) // reservations have taken some
	defer timer.Stop()
	v = f.verdict()
	for f.waiting > 0 && (v == undecided || f.stragglers == Wait) {
		select {
		case a := <-f.arrivals:
			v = f.take(a, v)
		case <-client.Done():
			f.depart(client)
			return v, true
		case <-timer.C:
			return f.expire(v), false
		}
	}
	if f.stragglers == Cancel {
		f.abandon(ErrDecided, Canceled, NoReason)
	}
	return v, false
}

// reserved says that nobody reserves any more.
func (f *flight) reserved() {
	if f.call.Reserved != nil {
		f.call.Reserved()
	}
}

// land ends a flight whose last backend has answered. Shadows have memory of their own.
func (f *flight) land() {
	f.d.inFlight.Add(-1)
	f.call.Memory.Close()
	f.d.running.Done()
}

func (f *flight) verdict() verdict { return f.d.Policy.decide(f.answers) }

// take keeps an arrived answer. A decision once made stands, whatever stragglers
// bring under Wait.
func (f *flight) take(a arrival, v verdict) verdict {
	f.waiting--
	f.settle(a.backend, a.answer)
	if v != undecided {
		return v
	}
	if v = f.verdict(); v == met && f.d.Policy.Type == Any {
		f.deciding = a.backend
	}
	return v
}

// expire ends the waiting when the call's time is up: what is still waited for
// has failed, in this order so that the policy judges the whole. Under Finish the
// attempts go on, and statistics get the answer that they end with.
func (f *flight) expire(v verdict) verdict {
	v = f.takeArrived(v)
	if f.stragglers == Finish {
		f.giveUp(Failed, Timeout, func(int) {})
	} else {
		f.abandon(ErrTimeout, Failed, Timeout)
	}
	if v == undecided {
		v = f.verdict()
	}
	return v
}

// takeArrived keeps what arrived in the moment in which the waiting ended: select
// picks at random among what is ready.
func (f *flight) takeArrived(v verdict) verdict {
	for {
		select {
		case a := <-f.arrivals:
			v = f.take(a, v)
		default:
			return v
		}
	}
}

// depart follows a client that has left, or a proxy that stops: then nothing finishes.
func (f *flight) depart(client context.Context) {
	cause := Departure(client)
	if Stopped(client) {
		f.stragglers = Cancel
	}
	if f.stragglers == Finish {
		return
	}
	f.abandon(cause, Canceled, NoReason)
	for i := range f.answers {
		if s := f.answers[i].Stream; s != nil {
			s.Abort(cause)
		}
	}
}

// abandon cancels the attempts under way and gives their answers up: what they
// still bring is not looked at, so that response and statistics agree.
func (f *flight) abandon(cause error, o Outcome, r Reason) {
	f.giveUp(o, r, func(i int) {
		f.cancels[i](cause)
		f.d.Observer.Answered(i, &f.answers[i])
	})
}

// giveUp puts an answer of our own in the place of each that is missing.
func (f *flight) giveUp(o Outcome, r Reason, each func(backend int)) {
	elapsed := time.Since(f.start)
	for i := range f.answers {
		if f.answers[i].Outcome == Pending {
			f.answers[i] = Answer{Outcome: o, Reason: r, Elapsed: elapsed, Attempts: f.asked[i].Attempts()}
			each(i)
		}
	}
}

// leave sees the backends out that have not handed over their answer.
func (f *flight) leave() {
	if f.waiting == 0 && f.kept == nil {
		f.land()
		return
	}
	go f.finish()
}

// finish outlives the response: it takes what abandoned or finishing backends
// bring, so that none of them outlives the dispatcher unseen. Only answers that
// were not given up go to statistics.
func (f *flight) finish() {
	finishing := f.stragglers == Finish
	for ; f.waiting > 0; f.waiting-- {
		a := <-f.arrivals
		f.discard(&a.answer)
		if finishing {
			f.d.Observer.Answered(a.backend, &a.answer)
		}
	}
	if f.kept != nil {
		<-f.kept
	}
	f.streams.Wait()
	f.land()
}

// result copies the answers: stragglers must not change what is being written.
func (f *flight) result(v verdict) *Result {
	r := &Result{
		Outcome: Complete, Answers: f.answers, Deciding: f.deciding, Unwanted: f.unwanted == len(f.answers),
		Memory: f.call.Memory, flight: f,
	}
	if v != met {
		r.Outcome = Unmet
		return r
	}
	for i := range r.Answers {
		if o := r.Answers[i].Outcome; o == Failed || o == Rejected {
			r.Outcome = Partial
		}
	}
	return r
}
