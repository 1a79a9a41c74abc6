package gate

import (
	"net/http"
	"net/netip"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Guest is a request that asks to be let in, and what is known of it before the gate has
// looked. The gate changes nothing of it.
type Guest struct {
	// Writer has begun no response.
	Writer  http.ResponseWriter
	Request *http.Request
	// ID is sent to every backend and returned to the client.
	ID string
	// Client is who calls, see Gate.Client; it is not valid where nobody knows.
	Client netip.Addr
	// Shown is the certificates of the client's connection; nil where it has shown none.
	Shown *Shown
	// Memory is what the call is taken from. Whoever opened it closes it.
	Memory *memory.Account
}

// Admission is what the gate lets in: a call with its caller, client and memory, and what
// expressions read of it.
type Admission struct {
	// Call is complete, and read-only from now on.
	Call fanout.Call
	// Input is what expressions of the backends read; nil where there are none. It is to be
	// closed when the last of them has been evaluated.
	Input *expression.Input

	read   bool                    // nothing of the request is left to be read
	hidden func(field string) bool // see Append
}

// step is a condition on the way in. It adds to the admission, or refuses.
type step func(guest *Guest, a *Admission) *Refusal

// way is what every request passes, in an order in which nobody can make the proxy work for
// nothing: what costs little comes first, addresses are limited before keys are tried, and
// no body is read of a caller who is not known.
func (g *Gate) way() []step {
	steps := []step{g.match, g.breakLoop}
	if g.early.any() {
		steps = append(steps, g.limitAddress)
	}
	steps = append(steps, g.identify, g.hideTokens)
	if g.late.any() {
		steps = append(steps, g.limitField)
	}
	steps = append(steps, g.openInput, g.authorizeEarly, g.readBody, g.completeInput, g.authorizeLate)
	if g.described != nil {
		steps = append(steps, g.checkOperation)
	}
	if g.schema != nil {
		steps = append(steps, g.checkBody)
	}
	steps = append(steps, g.tell)
	if len(g.rules) > 0 {
		steps = append(steps, g.checkRules)
	}
	return steps
}

// Admit reads a request and returns the call that it makes, or why it makes none: one of
// the two is nil.
func (g *Gate) Admit(guest *Guest) (*Admission, *Refusal) {
	r := guest.Request
	a := &Admission{hidden: g.hidden, Call: fanout.Call{
		Method: r.Method, Host: r.Host, Header: r.Header, RequestID: guest.ID, Client: guest.Client, Memory: guest.Memory,
	}}
	a.Call.Path, a.Call.Query, a.Call.HasQuery = split(r.RequestURI)
	for _, pass := range g.steps {
		if refusal := pass(guest, a); refusal != nil {
			refusal.Caller, refusal.Read = a.Call.Caller, a.read
			a.CloseInput()
			return nil, refusal
		}
	}
	return a, nil
}

// CloseInput gives back the memory of what only expressions read: none is evaluated any
// more.
func (a *Admission) CloseInput() {
	if a.Input != nil {
		a.Input.Close()
		a.Input = nil
	}
}

// breakLoop refuses what has passed the route before.
func (g *Gate) breakLoop(guest *Guest, _ *Admission) *Refusal {
	if headers.HasVia(guest.Request.Header, g.via) {
		return loopDetected()
	}
	return nil
}

// tell makes the fields that tell backends who calls.
func (g *Gate) tell(guest *Guest, a *Admission) *Refusal {
	for _, kind := range g.tells {
		if !guest.Memory.Take(maxChain) {
			return OutOfMemory()
		}
		if value := g.chain(guest.Request, kind); kind == routeconfig.ClientAddressForwarded {
			a.Call.Forwarded = value
		} else {
			a.Call.XForwardedFor = value
		}
	}
	return nil
}

// openInput lets expressions read the call, but for its body. What they make of it is taken
// from its memory as they do.
func (g *Gate) openInput(guest *Guest, a *Admission) *Refusal {
	if !g.computes && !g.permissions.any() {
		return nil
	}
	a.Input = expression.NewInput(g.seen(&a.Call), guest.Memory)
	return nil
}

// seen is what expressions see of a call whose body is not read yet.
func (g *Gate) seen(call *fanout.Call) *expression.Request {
	return &expression.Request{
		Method: call.Method, Path: call.Path, Query: call.Query, Host: call.Host, Caller: call.Caller, Claims: call.Claims, ClientIP: call.Client,
		Header: call.Header, Hidden: g.hidden,
	}
}

// completeInput lets them read the body, too.
func (g *Gate) completeInput(_ *Guest, a *Admission) *Refusal {
	if a.Input != nil {
		a.Input.Receive(a.Call.Body)
	}
	return nil
}
