package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/gate"
	"github.com/fanout-operator/fanout/internal/routeconfig"
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
	v := &visit{proxy: h.proxy, route: route, start: time.Now(), writer: w, request: r, patience: writeTimeout}
	v.client = clientOf(r)
	v.id = requestID(r.Header)
	id := []string{v.id}
	r.Header["X-Request-Id"] = id // backends get it too
	w.Header()["X-Request-Id"] = id
	if h.proxy.draining.Load() {
		w.Header()["Connection"] = []string{"close"}
	}
	v.serve() //nolint:contextcheck // the request carries it
}

// requestID keeps the client's id where it is harmless in a log.
func requestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); harmless(id) {
		return id
	}
	return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
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
	gate.Visit

	proxy   *Proxy
	route   *route
	client  *client // nil where the proxy does not listen itself
	start   time.Time
	writer  http.ResponseWriter
	request *http.Request
	id      string
	result  *fanout.Result // nil where the call was refused
	outcome fanout.CallOutcome
	status  int
	bytes   int
	// run are those that were streamed since the last pause.
	run int
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
	call, refusal := v.route.gate.Admit(v.writer, v.request, &v.Visit)
	if refusal != nil {
		v.refuse(refusal)
		return
	}
	if v.client != nil {
		v.client.calls.Add(1)
		defer v.client.calls.Add(-1)
	}
	call.RequestID, call.Memory = v.id, v.Memory
	if !v.tell(call) {
		v.refuse(gate.OutOfMemory())
		return
	}
	if v.route.computes {
		v.compute(call)
	}
	for _, b := range v.route.backends {
		if err := b.CheckPath(call); err != nil {
			v.refuse(gate.BadPath(err))
			return
		}
	}
	result, err := v.route.dispatcher.Dispatch(v.request.Context(), call)
	if err != nil {
		v.refuse(gate.Overloaded())
		return
	}
	v.result = result
	v.respond()
}

// tell makes the fields that tell backends who calls; false where there is no room.
func (v *visit) tell(call *fanout.Call) bool {
	for _, kind := range v.route.tells {
		if !v.Memory.Take(gate.MaxChain) {
			return false
		}
		if value := v.route.gate.Chain(v.request, kind); kind == routeconfig.ClientAddressForwarded {
			call.Forwarded = value
		} else {
			call.XForwardedFor = value
		}
	}
	return true
}

// compute gives the call what expressions read.
func (v *visit) compute(call *fanout.Call) {
	input := expression.NewInput(&expression.Request{
		Method: call.Method, Path: call.Path, Query: call.Query, Host: call.Host, Caller: call.Caller, ClientIP: v.Client,
		Header: call.Header, Hidden: v.route.credentials.Has, Body: call.Body,
	}, v.Memory)
	call.Input, call.Reserved = input, func() {
		call.Input = nil
		input.Close()
	}
}
