package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/combine"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
)

// streams reports whether a response has a body that is passed on while it comes.
func (v *visit) streams(response *combine.Response) bool {
	return response.Passed >= 0 && v.result.Answers[response.Passed].Stream != nil && v.Request.Method != http.MethodHead
}

// takePiece takes the room of the piece that is passed on at once; false where there is
// none.
func (v *visit) takePiece() bool { return v.Memory.Take(streamChunk) }

// stream passes a backend's body on while it comes. Once the head is out, what goes
// wrong can only be shown by breaking off.
func (v *visit) stream(response *combine.Response) {
	answer := &v.result.Answers[response.Passed]
	stream, ctx := answer.Stream, v.Request.Context()
	stop := context.AfterFunc(ctx, func() { stream.Abort(fanout.Departure(ctx)) })
	err := v.copy(response, answer)
	if stop() && errors.Is(err, fanout.ErrClientClosed) {
		stream.Abort(fanout.ErrClientClosed)
	}
	answer.Outcome, answer.Reason = stream.Close()
	answer.Stream = nil
	now := time.Now()
	switch {
	case answer.Outcome == fanout.Succeeded && err == nil:
	case fanout.Stopped(ctx):
		v.outcome = fanout.Unmet
	case ctx.Err() != nil || errors.Is(err, fanout.ErrClientClosed):
		v.outcome = fanout.ClientClosed
	default:
		v.outcome = fanout.Unmet
	}
	v.route.calls.Record(now, v.outcome, now.Sub(v.start))
	v.log(now)
	if err != nil {
		panic(http.ErrAbortHandler) //nolint:forbidigo // the one way to tell a client that this is not the end
	}
}

// copy writes head, body and trailer. The error wraps fanout.ErrClientClosed where the
// client takes no more.
func (v *visit) copy(response *combine.Response, answer *fanout.Answer) error {
	h := v.take(response.Header)
	length := answer.Header["Content-Length"]
	if len(length) == 1 {
		h["Content-Length"] = length
	}
	announced := trailers(answer.Stream.Trailer())
	for name := range announced {
		h.Add("Trailer", name)
	}
	v.status = response.Status
	control := http.NewResponseController(v.Writer)
	v.Writer.WriteHeader(response.Status)
	head := newHead(control)
	defer head.settle()
	buffer := v.proxy.buffer()
	defer v.proxy.buffers.Put(buffer)
	if cap(*buffer) < streamChunk {
		*buffer = make([]byte, streamChunk)
	}
	piece := (*buffer)[:streamChunk]
	for {
		n, err := answer.Stream.Read(piece)
		head.settle()
		if n > 0 {
			// Of a body with a length, a full piece has more behind it.
			if err := v.pass(control, piece[:n], len(length) == 0 || n < streamChunk); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			head.send() // whoever gets none at all may ask again by itself
			return err  // nobody reads it
		}
	}
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
	last := trailers(answer.Stream.Trailer())
	if v.bytes == 0 && len(last) > len(announced) {
		_ = control.Flush() // net/http has no room for them behind an empty body whose length it sets itself
	}
	for name, values := range last {
		if _, known := announced[name]; !known {
			name = http.TrailerPrefix + name
		}
		h[name] = values
	}
	return nil
}

// head is that of a response whose body may be long in coming: a client may wait for the
// head alone. Mostly the body is there at once, and one write does for both.
type head struct {
	control *http.ResponseController
	timer   *time.Timer

	mu      sync.Mutex
	settled bool
}

// headDelay is how long a head waits for the first of its body.
const headDelay = time.Millisecond

// newHead lets a head go in a moment, from another goroutine. Nobody may use the writer
// before settle has returned.
func newHead(control *http.ResponseController) *head {
	h := &head{control: control}
	h.timer = time.AfterFunc(headDelay, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !h.settled {
			h.send()
		}
	})
	return h
}

func (h *head) send() {
	_ = h.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // the server's writers have deadlines
	_ = h.control.Flush()
	_ = h.control.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream at its deadline, written to or not
}

// settle leaves the head to the next write. It may be called again.
func (h *head) settle() {
	if h.settled { // by this goroutine, the only one that sets it
		return
	}
	h.timer.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settled = true
}

// streamChunk is the largest piece that is passed on at once.
const streamChunk = 32 << 10

func (v *visit) pass(control *http.ResponseController, piece []byte, flush bool) error {
	if v.run += len(piece); v.run > bulk.Least {
		v.proxy.options.Queue.Pass(bulk.First)
		v.run = 0
	}
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	n, err := v.Writer.Write(piece)
	v.bytes += n
	if err == nil && flush {
		err = control.Flush()
	}
	if err != nil {
		return errors.Join(fanout.ErrClientClosed, err)
	}
	return nil
}

// trailers are those that may pass: none that speaks about the connection or the
// framing (RFC 9110, section 6.5.1), and none of ours. A digest is true of what was passed
// (RFC 9530, section 2).
func trailers(all http.Header) http.Header {
	if len(all) == 0 {
		return nil
	}
	out := http.Header{}
	for name, values := range all {
		folded := headers.Fold(name)
		framing := strings.HasPrefix(folded, "Content-") && folded != "Content-Digest"
		if !headers.IsHopByHop(name) && !headers.Own(name) && !framing {
			out[name] = values
		}
	}
	return out
}
