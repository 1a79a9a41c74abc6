package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fanout-operator/fanout/internal/bulk"
	"github.com/fanout-operator/fanout/internal/combine"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/gate"
	"github.com/fanout-operator/fanout/internal/problem"
)

const (
	// writeTimeout is renewed with each writeChunk, so that it bounds how slowly a
	// client may read, not how long.
	writeTimeout = 30 * time.Second
	writeChunk   = 64 << 10
	// statusClientClosed is what the log says of a call that its client left.
	statusClientClosed = 499
	// maxPooled keeps a large response from holding its memory when it is written: what is
	// pooled is nobody's.
	maxPooled = 64 << 10
)

// Respond implements fanout.Responder.
func (v *visit) Respond(result *fanout.Result) {
	v.result = result
	now := time.Now()
	if v.result.Outcome == fanout.ClientClosed {
		v.outcome, v.status = fanout.ClientClosed, statusClientClosed
		v.route.calls.Record(now, fanout.ClientClosed, now.Sub(v.start))
		v.log(now)
		hangUp()
	}
	if v.result.Stopped {
		v.unable(gate.Stopping())
		return
	}
	buffer := v.proxy.buffer()
	response := v.route.combine(v.result, (*buffer)[:0])
	streams := v.streams(&response)
	if response.Short || streams && !v.takePiece() {
		v.unable(gate.OutOfMemory())
		return
	}
	v.outcome = response.Outcome
	if streams {
		v.result.Pass(response.Passed)
		v.stream(&response)
		return
	}
	v.result.Pass(-1) // to HEAD, though the backend was asked otherwise, there is no body
	v.send(&response)
	now = time.Now()
	v.route.calls.Record(now, v.outcome, now.Sub(v.start))
	v.log(now)
	if v.combined() && cap(response.Body) <= maxPooled {
		*buffer = response.Body
	}
	v.proxy.buffers.Put(buffer)
}

// unable answers a call that was dispatched, and whose response cannot be made.
func (v *visit) unable(why *gate.Refusal) {
	v.result.Pass(-1)
	now := time.Now()
	v.outcome, v.result.Outcome = fanout.Unmet, fanout.Unmet
	v.route.calls.Record(now, fanout.Unmet, now.Sub(v.start))
	v.route.combiner.Diagnose(v.result, v.Writer.Header())
	combine.ForbidRetry(v.result, v.Writer.Header())
	v.answer(why)
}

// send writes a response whose body is whole.
func (v *visit) send(response *combine.Response) {
	if response.Passed >= 0 {
		v.announce(response, v.result.Answers[response.Passed].Header["Content-Length"])
		v.write(response.Status, response.Header, response.Body)
		return
	}
	v.write(response.Status, response.Header, v.proxy.compress(response.Header, v.Request, response.Body, v.Memory))
}

// announce passes the length on that a backend announced of a body that is not sent: that
// of the response to GET, or of what has not changed (RFC 9110, section 8.6). Over HTTP/2
// Go's clients take such a 304 for one that was cut off; a length is no must there.
func (v *visit) announce(response *combine.Response, length []string) {
	switch {
	case len(length) != 1 || !digits(length[0]):
	case v.Request.Method == http.MethodHead && bodyAllowed(response.Status):
		response.Header["Content-Length"] = length
	case response.Status == http.StatusNotModified && v.Request.ProtoMajor == 1:
		response.Header["content-length"] = length // its canonical name net/http takes out
	}
}

func digits(text string) bool {
	return text != "" && len(text) < 19 && strings.Trim(text, "0123456789") == ""
}

func (v *visit) combined() bool { return v.route.config.Response.Combined() }

// buffer returns one for a combined body, which is on the wire when the handler
// returns.
func (p *Proxy) buffer() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// refuse answers a request that makes no call.
func (v *visit) refuse(r *gate.Refusal) {
	if v.admission == nil {
		v.caller = r.Caller
	}
	v.route.calls.Refuse(v.start)
	v.route.refusals.Add(v.start, r.Reason())
	v.refusal = r
	v.answer(r)
}

// hangUp ends a request whose client has left. It may have closed its half of the
// connection alone, and must not read an empty 200 for its answer.
func hangUp() {
	panic(http.ErrAbortHandler) //nolint:forbidigo // the one way to say nothing
}

// answer writes a refusal.
func (v *visit) answer(r *gate.Refusal) {
	if r.Gone && fanout.Stopped(v.Request.Context()) {
		r = gate.Stopping()
	}
	if r.Gone {
		v.status = statusClientClosed
		v.log(time.Now())
		v.traced.refused(v)
		hangUp()
	}
	h := http.Header{"Content-Type": {problem.ContentType}}
	if r.Field != "" {
		h[r.Field] = r.Values
	}
	v.unburden(r, h)
	v.write(r.Status, h, r.Append(nil))
	v.log(time.Now())
	v.traced.refused(v)
	v.linger(r)
}

// write sends a response.
func (v *visit) write(status int, fields http.Header, body []byte) {
	v.status = status
	h := v.take(fields)
	if bodyAllowed(status) && v.Request.Method != http.MethodHead {
		v.lines[1] = strconv.Itoa(len(body))
		h["Content-Length"] = v.lines[1:]
	} else {
		body = nil // to HEAD without a length but a backend's: that of GET is not known
	}
	control := http.NewResponseController(v.Writer)
	_ = control.SetWriteDeadline(time.Now().Add(v.patience)) // the server's writers have deadlines
	v.Writer.WriteHeader(status)
	for len(body) > 0 {
		n, err := v.Writer.Write(body[:min(len(body), writeChunk)])
		v.bytes += n
		if err != nil {
			return
		}
		if body = body[n:]; len(body) > 0 {
			v.proxy.options.Queue.Pass(bulk.First)
			_ = control.SetWriteDeadline(time.Now().Add(v.patience))
		}
	}
}

// bodyAllowed follows RFC 9110, section 6.4.1.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
