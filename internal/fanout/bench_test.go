package fanout_test

import (
	"context"
	"testing"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/tether"
)

// instant is backends that answer at once.
type instant struct{}

// Reserve implements fanout.Reserver.
func (instant) Reserve(context.Context, int, *fanout.Call) (fanout.Reservation, fanout.Answer) {
	return instant{}, fanout.Answer{}
}

// Settle implements fanout.Reserver.
func (instant) Settle(context.Context, func(int, fanout.Answer)) {}

// ReserveShadow implements fanout.Reserver.
func (instant) ReserveShadow(context.Context, int, *fanout.Call) (fanout.Reservation, fanout.Answer) {
	return instant{}, fanout.Answer{}
}

// Do implements fanout.Reservation.
func (instant) Do(*tether.Context, *fanout.Call, <-chan struct{}) fanout.Answer {
	return fanout.Answer{Outcome: fanout.Succeeded, Status: 200}
}

// Cancel implements fanout.Reservation.
func (instant) Cancel() {}

// Progress implements fanout.Reservation.
func (instant) Progress() (int, fanout.Cause) { return 1, fanout.ResponseTimeout }

// Safe implements fanout.Reservation.
func (instant) Safe() bool { return true }

type nobody struct{}

// Answered implements fanout.Observer.
func (nobody) Answered(int, *fanout.Answer) {}

// One call of three backends that answer at once: what the dispatcher itself costs.
func BenchmarkDispatch(b *testing.B) {
	d := fanout.New(fanout.Options{Backends: 3, Timeout: 1 << 40, MaxInFlight: 1, Checker: noCheck{}, Observer: nobody{}})
	responder := &keeper{}
	b.ReportAllocs()
	for b.Loop() {
		f, err := d.Reserve(b.Context(), post, instant{})
		if err != nil {
			b.Fatal(err)
		}
		if f.Run(b.Context(), responder); responder.result.Outcome != fanout.Complete {
			b.Fatal(responder.result.Outcome)
		}
	}
}
