package proxy

import (
	"io"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/gate"
)

// What a refused client still sends is taken for so long, and as many bytes.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// unread reports whether the rest of a request stands between its response and the next
// request. Over HTTP/2 its stream is reset alone.
func (v *visit) unread(r *gate.Refusal) bool {
	return v.Request.ProtoMajor == 1 && v.admission == nil && !r.Read && v.Request.Body != http.NoBody
}

// unburden prepares the response to a refused request: it waits for nobody. Over HTTP/1.1
// net/http would wait for the body first, unless the connection ends; over HTTP/2 a client
// that takes no response must not hold what it sent.
func (v *visit) unburden(r *gate.Refusal, h http.Header) {
	if v.unread(r) {
		h["Connection"] = []string{"close"}
	}
	if v.Request.ProtoMajor > 1 {
		v.Request.Header, v.Request.Trailer = nil, nil
		v.patience = 2 * lingerTime
	}
}

// linger lets a refused client read why before its connection ends: one that is closed
// with unread bytes is reset, and takes the response with it. From now on nothing is waited
// for, not by net/http either, which reads on when the handler is over.
func (v *visit) linger(r *gate.Refusal) {
	if !v.unread(r) {
		return
	}
	control := http.NewResponseController(v.Writer)
	_ = control.Flush()
	_ = control.SetReadDeadline(time.Now().Add(lingerTime))
	if v.Request.Header["Expect"] == nil { // who was not told to continue sends nothing
		_, _ = io.Copy(io.Discard, io.LimitReader(v.Request.Body, lingerBytes))
	}
}

// gone answers requests on what is left of the connections of a route that is no more.
func gone(w http.ResponseWriter, r *http.Request) {
	control, now := http.NewResponseController(w), time.Now()
	if r.ProtoMajor == 1 {
		_ = control.SetReadDeadline(now.Add(lingerTime))
	}
	_ = control.SetWriteDeadline(now.Add(2 * lingerTime))
	w.Header()["Connection"] = []string{"close"}
	http.Error(w, "the route is gone", http.StatusServiceUnavailable)
}
