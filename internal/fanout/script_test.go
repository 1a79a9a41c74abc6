package fanout_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/testkit"
	"github.com/fanout-operator/fanout/internal/tether"
)

// scripted is a backend in memory that yields one answer after a while.
type scripted struct {
	after   time.Duration
	answer  fanout.Answer
	refuses bool
	late    bool // refuses only when all are asked to settle
	deaf    bool // goes on after its context has ended
	ponders bool // comes to no end with reserving
	writes  bool // by a method that is not safe
	settles time.Duration

	asked, returned atomic.Int32
	ended           atomic.Pointer[ending]
}

// ending is when and why a backend's context ended while it worked.
type ending struct {
	at    time.Time
	cause error
}

func succeeds(after time.Duration) *scripted { return replies(after, 200) }

func replies(after time.Duration, status int) *scripted {
	s := &scripted{after: after, answer: fanout.Answer{Status: status, Outcome: fanout.Succeeded}}
	if status/100 != 2 {
		s.answer.Outcome, s.answer.Reason = fanout.Failed, fanout.Status
	}
	return s
}

func refuses(reason fanout.Reason) *scripted {
	return &scripted{refuses: true, answer: fanout.Answer{Outcome: fanout.Rejected, Reason: reason}}
}

// reserve is the backend's part of fanout.Reserver.
func (s *scripted) reserve(ctx context.Context) (fanout.Reservation, fanout.Answer) {
	if s.ponders {
		<-ctx.Done()
		return nil, cutOff(ctx)
	}
	if s.refuses && !s.late {
		return nil, s.answer
	}
	return s, fanout.Answer{}
}

// Do implements fanout.Reservation.
func (s *scripted) Do(ctx *tether.Context, _ *fanout.Call, _ <-chan struct{}) fanout.Answer {
	s.asked.Add(1)
	timer := time.NewTimer(s.after)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.answer
	case <-ctx.Done():
		s.ended.Store(&ending{time.Now(), context.Cause(ctx)})
	}
	if s.deaf {
		<-timer.C
		return s.answer
	}
	return cutOff(ctx)
}

// cutOff is the answer of a backend whose context has ended.
func cutOff(ctx context.Context) fanout.Answer {
	if errors.Is(context.Cause(ctx), fanout.ErrTimeout) {
		return fanout.Answer{Outcome: fanout.Failed, Reason: fanout.Timeout}
	}
	return fanout.Answer{Outcome: fanout.Canceled}
}

// Cancel implements fanout.Reservation.
func (s *scripted) Cancel() { s.returned.Add(1) }

// Progress implements fanout.Reservation.
func (s *scripted) Progress() (int, fanout.Cause) { return int(s.asked.Load()), fanout.ResponseTimeout }

// Safe implements fanout.Reservation.
func (s *scripted) Safe() bool { return !s.writes }

// observed is what statistics get to see.
type observed struct {
	mu      sync.Mutex
	answers map[int][]fanout.Answer
}

func (o *observed) Answered(backend int, a *fanout.Answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answers == nil {
		o.answers = map[int][]fanout.Answer{}
	}
	o.answers[backend] = append(o.answers[backend], *a)
}

// outcomes are those of the only answer of each backend.
func (o *observed) outcomes(t *testing.T, backends int) []fanout.Outcome {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]fanout.Outcome, backends)
	for i := range out {
		if len(o.answers[i]) != 1 {
			t.Fatalf("statistics got %d answers of backend %d, want one", len(o.answers[i]), i)
		}
		out[i] = o.answers[i][0].Outcome
	}
	return out
}

// newCall is a call with more memory than it can use.
func newCall(method string) *fanout.Call {
	return &fanout.Call{Method: method, Memory: testkit.Account()}
}

type noCheck struct{}

func (noCheck) Check(int, *fanout.Answer, *memory.Account) {}

// dispatcher is one with its backends.
type dispatcher struct {
	*fanout.Dispatcher

	backends []*scripted
}

// reserver asks them.
type reserver struct{ *dispatcher }

// Reserve implements fanout.Reserver.
func (r reserver) Reserve(ctx context.Context, backend int, _ *fanout.Call) (fanout.Reservation, fanout.Answer) {
	return r.backends[backend].reserve(ctx)
}

// Settle implements fanout.Reserver.
func (r reserver) Settle(ctx context.Context, refuse func(int, fanout.Answer)) {
	for i, b := range r.backends {
		limited, cancel := context.WithTimeout(ctx, b.settles)
		<-limited.Done()
		cancel()
		if ctx.Err() != nil {
			return
		}
		if b.refuses && b.late {
			refuse(i, b.answer)
		}
	}
}

// ReserveShadow implements fanout.Reserver.
func (reserver) ReserveShadow(context.Context, int, *fanout.Call) (fanout.Reservation, fanout.Answer) {
	return nil, fanout.Answer{Outcome: fanout.Skipped}
}

// Dispatch brings a call through both phases.
func (d *dispatcher) Dispatch(client context.Context, call *fanout.Call) (*fanout.Result, error) {
	f, err := d.Reserve(client, call, reserver{d})
	if err != nil {
		return nil, err
	}
	var kept keeper
	f.Run(client, &kept)
	return kept.result, nil
}

// keeper is a response that is made later.
type keeper struct{ result *fanout.Result }

// Respond implements fanout.Responder.
func (k *keeper) Respond(r *fanout.Result) { k.result = r }

// newDispatcher has a timeout of 1 s and room for 16 calls, unless o says more.
func newDispatcher(o fanout.Options, backends ...*scripted) (*dispatcher, *observed) {
	seen := &observed{}
	o.Backends = len(backends)
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 16
	}
	if o.Checker == nil {
		o.Checker = noCheck{}
	}
	o.Observer = seen
	return &dispatcher{fanout.New(o), backends}, seen
}

func outcomes(r *fanout.Result) []fanout.Outcome {
	out := make([]fanout.Outcome, len(r.Answers))
	for i := range r.Answers {
		out[i] = r.Answers[i].Outcome
	}
	return out
}
