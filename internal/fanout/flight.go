package fanout

import (
	"context"
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/tether"
)

// Flight is one call under way: Dispatcher.Reserve begins it, and Run brings it to its end.
// Its fields belong to one goroutine, that of its caller until the response is made, and
// then the one that sees the last backends out. Backends' own goroutines write what they got
// into their legs, and send their number to arrivals, which has room for all of them.
type Flight struct {
	d          *Dispatcher
	call       *Call
	start      time.Time
	answers    []Answer // by backend; they are the result's once the call is decided
	legs       []leg    // by backend
	shade      *shade
	arrivals   chan int
	waiting    int // backends that have not handed over their answer
	stragglers Stragglers
	verdict    verdict
	deciding   int
	unwanted   int           // backends that do not take the call
	concluded  bool          // the waiting is over, by last
	last       event         // see life.go
	decided    chan struct{} // closed when the call is
	streamed   bool          // an answer has had a stream
	streams    sync.WaitGroup
	told       Result // what the response is made of
}

// leg is what a flight knows of one backend, beside its answer.
type leg struct {
	state       state
	reservation Reservation     // nil where it refused
	tether      *tether.Context // of its attempts, once it was asked
	got         Answer          // its own, of the backend's goroutine until it has arrived
}

// Responder writes the response to a call.
type Responder interface {
	// Respond is called once, when the call is decided. However it returns, the streams of
	// the result end then.
	Respond(result *Result)
}

// Run is the second phase: it asks the backends that may be asked, and has the call
// responded to as soon as it is decided. client is what Reserve was given.
func (f *Flight) Run(client context.Context, responder Responder) {
	if !f.concluded {
		f.launch() //nolint:contextcheck // attempts outlive the client under Finish
		f.conclude(f.await(client))
	}
	close(f.decided)
	result := f.result()
	f.shade.decide(result.Answers)
	if f.waiting == 0 && !f.streamed {
		f.land()
	} else {
		go f.seeOut()
	}
	defer result.Pass(-1)
	responder.Respond(result)
}

// launch asks every backend that has a reservation, each in a goroutine and a context of
// its own, which has nothing of the client's.
func (f *Flight) launch() {
	tethers := make([]tether.Context, len(f.legs))
	for i := range f.legs {
		l := &f.legs[i]
		if l.state != reserved {
			continue
		}
		l.tether = &tethers[i]
		l.tether.Begin(context.Background())
		l.state = working
		f.waiting++
		go f.ask(i)
	}
	f.shade.launch()
}

// ask runs in the backend's own goroutine.
func (f *Flight) ask(i int) {
	stretch(i)
	l := &f.legs[i]
	f.call.Record.Backend(i).asked()
	l.got = l.reservation.Do(l.tether, f.call, f.decided)
	if l.got.Responded() {
		f.d.Checker.Check(i, &l.got, f.call.Memory)
	}
	l.got.Elapsed = time.Since(f.start)
	f.arrivals <- i
}

// await takes answers until the call is decided, its time is up, or the client has left.
func (f *Flight) await(client context.Context) event {
	timer := f.d.timer(f.d.Timeout - time.Since(f.start)) // reservations have taken some
	defer f.d.release(timer)
	for f.waiting > 0 && (f.verdict == undecided || f.stragglers == Wait) {
		select {
		case i := <-f.arrivals:
			f.arrive(i)
		case <-client.Done():
			return endOf(client)
		case <-timer.C:
			f.collect()
			return expired
		}
	}
	return decided
}

// collect takes what arrived in the moment in which the time was up: select picks at random
// among what is ready.
func (f *Flight) collect() {
	for {
		select {
		case i := <-f.arrivals:
			f.arrive(i)
		default:
			return
		}
	}
}

// judge asks the policy. A decision once made stands, whatever comes after it.
func (f *Flight) judge() {
	if f.verdict == undecided {
		f.verdict = f.d.Policy.decide(f.answers)
	}
}

// seeOut outlives the response: it waits for the backends that still work, and for
// streams, so that none of them outlives the dispatcher unseen.
func (f *Flight) seeOut() {
	for f.waiting > 0 {
		f.arriveLate(<-f.arrivals)
	}
	f.streams.Wait()
	f.land()
}

// land ends a flight of which nothing is left. Shadows have memory of their own.
func (f *Flight) land() {
	f.d.inFlight.Add(-1)
	f.call.Memory.Close()
	f.call.Record.end()
	f.d.running.Done()
}
