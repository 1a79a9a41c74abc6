package fanout

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/memory"
)

// Stragglers says what becomes of backends that still work when the call is
// decided.
type Stragglers uint8

// What becomes of stragglers. Auto cancels for safe methods and finishes
// otherwise.
const (
	Auto Stragglers = iota
	Cancel
	Finish
	Wait
)

// The causes for which a backend's context ends. A backend turns ErrTimeout into
// Failed with reason Timeout, the others into Canceled.
var (
	ErrTimeout      = errors.New("the call's time is up")
	ErrDecided      = errors.New("the call is decided")
	ErrClientClosed = errors.New("the client has left")
	ErrStopped      = errors.New("the proxy stops")
)

// Stopped tells the end of the proxy from that of the client.
func Stopped(client context.Context) bool {
	return errors.Is(context.Cause(client), ErrStopped)
}

// Departure is the cause for which exchanges end whose client's context has ended:
// ErrStopped or ErrClientClosed.
func Departure(client context.Context) error {
	if Stopped(client) {
		return ErrStopped
	}
	return ErrClientClosed
}

// ErrOverloaded is returned by Reserve when MaxInFlight calls are under way.
var ErrOverloaded = errors.New("too many calls in flight")

// Checker judges an answer in the goroutine of its backend. It may turn a success
// into a failure, and keeps what it parsed in the answer. What that takes it takes from
// account.
type Checker interface {
	Check(backend int, a *Answer, account *memory.Account)
}

// Observer is told each answer once, when it is final, from any goroutine.
type Observer interface {
	Answered(backend int, a *Answer)
}

// Options are those of a Dispatcher; Backends, Timeout, MaxInFlight, Checker and Observer are
// required.
type Options struct {
	// Backends is how many there are; shadows are none of them.
	Backends    int
	Policy      Policy
	Timeout     time.Duration
	Stragglers  Stragglers
	MaxInFlight int
	Checker     Checker
	Observer    Observer
	// Computes says that backends evaluate expressions while they reserve: Timeout bounds
	// that, too. Without them nothing takes time before something is sent.
	Computes bool
	// Shares says that backends have limits that are counted together with other proxies.
	// Reserver.Settle takes time then, which Timeout bounds.
	Shares bool
	// Shadows are sent calls, too; their answers go to ShadowObserver.
	Shadows        []Shadow
	ShadowObserver ShadowObserver
}

// Dispatcher fans calls out to the backends of one route. It is safe for
// concurrent use.
type Dispatcher struct {
	Options
	inFlight atomic.Int64
	shadowed atomic.Int64 // calls under way with shadows
	running  sync.WaitGroup
	timers   sync.Pool // of *time.Timer that are stopped
}

// New returns a Dispatcher.
func New(o Options) *Dispatcher { return &Dispatcher{Options: o} }

// InFlight is the number of calls under way, stragglers included.
func (d *Dispatcher) InFlight() int { return int(d.inFlight.Load()) }

// Idle reports whether nothing is under way, not even a shadow.
func (d *Dispatcher) Idle() bool { return d.inFlight.Load() == 0 && d.shadowed.Load() == 0 }

// Drain waits until the last straggler and shadow has ended. No Reserve may begin meanwhile.
func (d *Dispatcher) Drain() { d.running.Wait() }

// Reserve begins a call: it asks every backend, and the shadows whose turn it is, for the
// right to send it. When it returns, nobody uses the reserver any more. The client has left
// when its context ends, unless the cause is ErrStopped. The error is nil or ErrOverloaded;
// where it is nil, Run has to follow.
func (d *Dispatcher) Reserve(client context.Context, call *Call, reserver Reserver) (*Flight, error) {
	if d.inFlight.Add(1) > int64(d.MaxInFlight) {
		d.inFlight.Add(-1)
		return nil, ErrOverloaded
	}
	f := &Flight{
		d: d, call: call, start: time.Now(),
		answers:    make([]Answer, d.Backends),
		legs:       make([]leg, d.Backends),
		arrivals:   make(chan int, d.Backends),
		deciding:   -1,
		stragglers: d.stragglers(call),
		decided:    make(chan struct{}),
	}
	d.running.Add(1)
	call.Memory.Join()
	call.Record.dispatch(f.start)
	f.reserve(client, reserver)
	return f, nil
}

// timer returns one that is to be released.
func (d *Dispatcher) timer(after time.Duration) *time.Timer {
	t, ok := d.timers.Get().(*time.Timer)
	if !ok {
		return time.NewTimer(after)
	}
	t.Reset(after)
	return t
}

func (d *Dispatcher) release(t *time.Timer) {
	t.Stop() // nothing stale is received of it from now on
	d.timers.Put(t)
}

func (d *Dispatcher) stragglers(call *Call) Stragglers {
	if d.Stragglers != Auto {
		return d.Stragglers
	}
	if call.Safe() {
		return Cancel
	}
	return Finish
}
