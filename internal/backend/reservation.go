package backend

import (
	"time"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/tether"
)

// reservation is the right to ask a backend once. It implements fanout.Reservation.
type reservation struct {
	stack stage
	work  work
}

// Progress implements fanout.Reservation.
func (r *reservation) Progress() (attempts int, awaits fanout.Cause) {
	return r.work.sent(), r.work.awaits()
}

// Safe implements fanout.Reservation.
func (r *reservation) Safe() bool { return r.work.request.Safe() }

// Record implements fanout.Recorder.
func (r *reservation) Record(lane *fanout.Lane) { r.work.lane = lane }

// Cancel gives the ticket back.
func (r *reservation) Cancel() { r.work.ticket.end(time.Now(), breaker.Unmade) }

// Do asks the backend until it has an answer that stands. The ticket is given back with it,
// or with the end of its stream.
func (r *reservation) Do(ctx *tether.Context, call *fanout.Call, decided <-chan struct{}) fanout.Answer {
	w := &r.work
	w.call, w.decided, w.tether = call, decided, ctx
	got := r.stack.ask(ctx, w)
	got.answer.Attempts = w.sent()
	if got.answer.Stream != nil {
		w.ticket.hear(time.Now(), got.verdict)
		return got.answer
	}
	w.ticket.unsent = got.unsent
	w.end(got.verdict)
	return got.answer
}
