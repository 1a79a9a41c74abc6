package backend

import (
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/breaker"
	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/h1"
	"github.com/fanout-operator/fanout/internal/h2"
	"github.com/fanout-operator/fanout/internal/outgoing"
	"github.com/fanout-operator/fanout/internal/tether"
)

// stage asks the backend, with something of its own about it, by way of the next stage. ctx
// is of what it asks alone; where the answer has a stream, that ends it.
type stage interface {
	ask(ctx *tether.Context, w *work) reply
}

// work is one call as a backend has it: the request, the ticket, and what became of its
// attempts so far. Attempts that hedge another share it, and change nothing but the count.
type work struct {
	call     *fanout.Call
	request  outgoing.Request
	rules    *outgoing.Rules // that take the request back; nil where a connection may keep it
	ticket   ticket
	decided  <-chan struct{}
	lane     *fanout.Lane // what is recorded of it; nil where nobody looks
	deadline time.Time
	tether   *tether.Context // of all attempts, and of the stream
	attempts atomic.Int32
	latest   atomic.Pointer[exchange]
	hedges   int // among the attempts
	// unprocessed counts those that were repeated because they were proved unprocessed.
	unprocessed int
	used        h2.Used // the connections that attempts have taken
	// renewed says that the call was repeated with another token already, because of a 401.
	renewed bool
	trial   *creds.Trial // of that token, while it lasts
	// letDown says that the last attempt met a connection that had died.
	letDown bool
	choice  h1.Choice // the connection that attempts take
}

// sent counts the exchanges begun.
func (w *work) sent() int { return int(w.attempts.Load()) }

// awaits says what the newest exchange waits for, or has waited for.
func (w *work) awaits() fanout.Cause {
	if e := w.latest.Load(); e != nil {
		return fanout.Cause(e.awaits.Load()) //nolint:gosec // one of them
	}
	return fanout.QueueTimeout
}

// end gives back what the call has of the backend, with what it says of it.
func (w *work) end(v breaker.Verdict) {
	w.tether.End(nil)
	w.ticket.end(time.Now(), v)
	if w.rules != nil {
		w.rules.Recycle(&w.request)
	}
}
