package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/backend"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/gate"
)

// handler takes the calls of one route: accept, match, authenticate, limit,
// validate, dispatch, combine, record.
type handler struct {
	proxy  *Proxy
	server *server
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.server.handling.Add(1)
	defer h.server.handling.Add(-1)
	route := h.proxy.current(h.server)
	if route == nil {
		gone(w, r)
		return
	}
	v := &visit{proxy: h.proxy, route: route, client: clientOf(r), start: time.Now(), patience: writeTimeout}
	v.Writer, v.Request, v.ID, v.Shown = w, r, requestID(r.Header), v.client.shown()
	v.lines = &[2]string{v.ID}
	id := v.lines[:1:1]
	r.Header["X-Request-Id"] = id // backends get it too
	w.Header()["X-Request-Id"] = id
	if h.proxy.draining.Load() {
		w.Header()["Connection"] = []string{"close"}
	}
	v.trace()
	v.serve() //nolint:contextcheck // the request carries it
}

// requestID keeps the client's id where it is harmless in a log.
func requestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); harmless(id) {
		return id
	}
	var random [16]byte
	binary.BigEndian.PutUint64(random[:8], rand.Uint64())
	binary.BigEndian.PutUint64(random[8:], rand.Uint64())
	var text [2 * len(random)]byte
	hex.Encode(text[:], random[:])
	return string(text[:])
}

func harmless(id string) bool {
	for i := range len(id) {
		c := id[i]
		if ('a' > c || c > 'z') && ('A' > c || c > 'Z') && ('0' > c || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return 0 < len(id) && len(id) <= 128
}

// visit is one request, from its arrival to its line in the log.
type visit struct {
	gate.Guest

	proxy     *Proxy
	route     *route
	client    *client // nil where the proxy does not listen itself
	start     time.Time
	admission *gate.Admission // nil where the request made no call
	// settlement is what its backends have to take together.
	settlement backend.Settlement
	caller     string         // who calls, as far as the gate knows
	result     *fanout.Result // nil where the call was refused
	traced     *traced        // nil where the request is not
	refusal    *gate.Refusal  // nil where it was not
	outcome    fanout.CallOutcome
	status     int
	bytes      int
	// run are those that were streamed since the last pause.
	run int
	// lines are values of fields: the request's id, and the length of its response. They stand
	// by themselves, since shadows keep the first for longer than the rest may stay.
	lines *[2]string
	// patience is how long the client may take for a piece of the response.
	patience time.Duration
}

func (v *visit) serve() {
	leave, refusal := v.enter()
	defer leave()
	if refusal != nil {
		v.refuse(refusal)
		return
	}
	v.admission, refusal = v.route.gate.Admit(&v.Guest)
	if refusal != nil {
		v.refuse(refusal)
		return
	}
	v.caller = v.admission.Call.Caller
	if v.client != nil {
		v.client.calls.Add(1)
		defer v.client.calls.Add(-1)
	}
	if refusal := v.dispatch(); refusal != nil {
		v.refuse(refusal)
	}
}

// dispatch asks the backends and responds, or says why they were not asked.
func (v *visit) dispatch() *gate.Refusal {
	call, ctx := &v.admission.Call, v.Request.Context()
	for _, b := range v.route.backends {
		if err := b.CheckPath(call); err != nil {
			return gate.BadPath(err)
		}
	}
	looked := v.record()
	flight, err := v.route.dispatcher.Reserve(ctx, call, v)
	v.admission.CloseInput()
	if err != nil {
		looked.Abandon()
		return gate.Overloaded()
	}
	if call.Record != nil {
		defer func() { call.Record.Responded(v.outcome, v.status) }() // Respond may fall
	}
	flight.Run(ctx, v)
	return nil
}
