package fanout

import (
	"net/http"
	"sync"
)

// Stream is the body of an answer that counts at its head. Read, Trailer and Close are
// for one goroutine; Abort is for any.
type Stream interface {
	// Read implements io.Reader. It ends with an error when the backend breaks off, is
	// silent for too long, or the stream is aborted.
	Read(b []byte) (int, error)
	// Trailer holds the trailer fields: their names as announced, and once Read has
	// returned io.EOF all of them with their values.
	Trailer() http.Header
	// Abort ends the exchange, with ErrClientClosed if the client has left.
	Abort(cause error)
	// Close gives back what the stream holds, and returns what became of it. What was
	// not read is drained, within limits, so that the connection can be used again.
	Close() (Outcome, Reason)
}

// observed is the stream of a flight's answer: its end is told to statistics.
type observed struct {
	Stream

	flight  *Flight
	backend int
	answer  Answer
	once    sync.Once
	outcome Outcome
	reason  Reason
}

// observe tells statistics of an answer: at once, or where it has a stream, how that ends.
func (f *Flight) observe(i int, a *Answer) {
	if a.Stream == nil {
		f.tell(i, a)
		return
	}
	o := &observed{Stream: a.Stream, flight: f, backend: i, answer: *a}
	o.answer.Stream = nil
	a.Stream = o
	f.streamed = true
	f.streams.Add(1)
}

// brokenOff is the cause of a response that came to no end.
func brokenOff(r Reason) Cause {
	switch r {
	case Timeout:
		return BodyTimeout
	case Reset:
		return ConnectionClosed
	default:
		return NoCause
	}
}

// Close implements Stream. It may be called again.
func (o *observed) Close() (Outcome, Reason) {
	o.once.Do(func() {
		o.outcome, o.reason = o.Stream.Close()
		o.answer.Outcome, o.answer.Reason, o.answer.Cause = o.outcome, o.reason, brokenOff(o.reason)
		o.flight.tell(o.backend, &o.answer)
		o.flight.streams.Done()
	})
	return o.outcome, o.reason
}
