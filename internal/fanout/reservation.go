package fanout

import (
	"context"

	"github.com/fanout-operator/fanout/internal/tether"
)

// Reserver asks the backends of a route for the right to send one call. It is made for that
// call, knows what expressions read of it, and is used by one goroutine.
type Reserver interface {
	// Reserve takes, before a byte is sent, what a backend limits. Where it refuses, the
	// reservation is nil and the answer says why: it is Skipped where the call is not for
	// the backend, and Failed or Canceled where ctx ended, by its cause, as with Do.
	Reserve(ctx context.Context, backend int, call *Call) (Reservation, Answer)
	// Settle is called once, with Options.Shares, after Reserve of all backends: it takes, for
	// all of them at once, what is counted together with other proxies. It tells refuse why a
	// backend may not be asked after all, and has canceled that reservation. ctx is that of
	// Reserve; where it ends first, nothing is told.
	Settle(ctx context.Context, refuse func(backend int, why Answer))
	// ReserveShadow is Reserve of a shadow. The call is another one for each: its Memory is
	// the shadow's own.
	ReserveShadow(ctx context.Context, shadow int, call *Call) (Reservation, Answer)
}

// Reservation is the right to ask a backend once. Exactly one of Do and Cancel is
// called, once.
type Reservation interface {
	// Do asks the backend and returns its answer. It obeys ctx at once; the cause
	// of a canceled ctx tells whether the answer is Canceled or a Timeout.
	//
	// ctx is of this reservation alone, and Do ends it, also when the backend's own time
	// is up, before it returns; where the answer has a Stream, ctx lives as long as that
	// does, and closing it ends it.
	//
	// decided is closed when the call is decided: what would only make the answer
	// come sooner is not worth it any more.
	Do(ctx *tether.Context, call *Call, decided <-chan struct{}) Answer
	// Cancel gives back what was reserved, without asking.
	Cancel()
	// Progress counts the HTTP exchanges begun so far, and says what an answer whose time is
	// up now has waited for: one of the causes that are timeouts, or NoCause where nobody
	// knows. It may be called while Do runs.
	Progress() (attempts int, awaits Cause)
	// Safe reports whether the method that the backend gets is safe. It may be called at
	// any time.
	Safe() bool
}
