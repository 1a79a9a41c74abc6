// Package combine turns the answers of a call into one response. It is pure: what
// it returns is a function of the answers in the order of the backends, and
// nothing that it writes tells when they arrived. Bodies are spliced as the bytes
// that they are; no number is ever read.
//
// Check runs in each backend's goroutine, before the call is decided, and finds
// out whether a body fits the response type. Combine runs once, after.
package combine

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
	"github.com/fanout-operator/fanout/internal/headers"
	"github.com/fanout-operator/fanout/internal/memory"
	"github.com/fanout-operator/fanout/internal/rawjson"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// Options are those of a Combiner.
type Options struct {
	routeconfig.Response

	// Backends are the names, in the order of the spec.
	Backends []string
	// Policy is the success policy: some of them are never partial.
	Policy string
}

// Response is what the client gets. Header is the caller's to change.
type Response struct {
	// Outcome is that of the call, unless its response cannot be made.
	Outcome fanout.CallOutcome
	Status  int
	Header  http.Header
	Body    []byte
	// Short says that there was no room to make the response, which has no body then.
	Short bool
	// Passed is the index of the answer whose own body this is, or -1. Where that answer
	// has a Stream, it comes instead of Body.
	Passed int
}

// Combiner makes the responses of one route. It is immutable.
type Combiner struct {
	Options

	shape shape
	names [][]byte // the backends' names as JSON strings
}

// shape is one way to make a body of many.
type shape interface {
	// fits reports whether a body can be part of the response. What it returns is
	// kept in the answer for write.
	fits(a *fanout.Answer, room *room) (parsed content, ok bool)
	// size is how many bytes write appends at the most.
	size(c *Combiner, r *fanout.Result) int
	// write appends the body of a call whose policy was met.
	write(c *Combiner, r *fanout.Result, dst []byte, room *room) ([]byte, *conflict)
}

// New returns a Combiner.
func New(o Options) *Combiner {
	c := &Combiner{Options: o}
	for _, name := range o.Backends {
		c.names = append(c.names, rawjson.AppendString(nil, []byte(name)))
	}
	c.HeadersFromBackends = passable(o.HeadersFromBackends)
	switch o.Type {
	case routeconfig.ResponseEnvelope:
		c.shape = envelope{}
	case routeconfig.ResponseGroup:
		c.shape = group{}
	case routeconfig.ResponseMerge:
		c.shape = newMerge(o.OnConflict, o.Arrays)
	}
	return c
}

// Check implements fanout.Checker. Bodies of failures are shown by an Envelope
// only. An answer for which there is no room becomes Rejected.
func (c *Combiner) Check(_ int, a *fanout.Answer, account *memory.Account) {
	if c.shape == nil || a.Outcome != fanout.Succeeded && c.Type != routeconfig.ResponseEnvelope {
		return
	}
	j, ok := &judged{room: room{account: account}}, false
	if j.content, ok = c.shape.fits(a, &j.room); j.room.short {
		*a = fanout.Answer{Outcome: fanout.Rejected, Reason: fanout.Overloaded, RetryAfter: time.Second, Attempts: a.Attempts}
		return
	}
	if !ok && a.Outcome == fanout.Succeeded {
		a.Outcome, a.Reason = fanout.Failed, fanout.Uncombinable
	}
	a.Checked = j
}

// Combine makes the response to a decided call whose client is there to read it. A body
// that is made here is appended to dst, and its room taken from the call's memory before;
// one that is passed as it is stays the answer's.
func (c *Combiner) Combine(r *fanout.Result, dst []byte) Response {
	response := c.combine(r, dst)
	if response.Outcome == fanout.Unmet {
		ForbidRetry(r, response.Header)
	}
	return response
}

func (c *Combiner) combine(r *fanout.Result, dst []byte) Response {
	if single := c.single(r); single >= 0 {
		return c.pass(r, single)
	}
	if r.Outcome == fanout.Unmet {
		return c.unmet(r, dst)
	}
	room := room{account: r.Memory}
	if c.shape == nil { // a policy that is met has a response to pass
		return c.explain(r, dst, policyNotMet(http.StatusBadGateway), nil)
	}
	response := Response{Outcome: r.Outcome, Status: c.status(r), Header: make(http.Header, 8), Passed: -1}
	size := c.shape.size(c, r)
	if !room.take(size) {
		return c.short(r)
	}
	var clash *conflict
	response.Body, clash = c.shape.write(c, r, grow(dst, size), &room)
	if room.short {
		return c.short(r)
	}
	if clash != nil {
		room.give(size)
		return c.explain(r, dst, clash.problem(), nil)
	}
	response.Header["Content-Type"] = []string{"application/json"}
	c.passFields(r, response.Header)
	c.uniteFields(r, response.Header)
	c.Diagnose(r, response.Header)
	return response
}

// short is the response to a call for whose response there is no room.
func (c *Combiner) short(r *fanout.Result) Response {
	failed := *r
	failed.Outcome = fanout.Unmet
	response := Response{Outcome: fanout.Unmet, Status: http.StatusServiceUnavailable, Header: http.Header{}, Passed: -1, Short: true}
	c.Diagnose(&failed, response.Header)
	return response
}

// status is that of a combined response to a call whose policy was met. Any and
// Quorum are always 200: that others may fail is what they are chosen for.
func (c *Combiner) status(r *fanout.Result) int {
	if r.Outcome != fanout.Partial || c.Policy == routeconfig.PolicyAny || c.Policy == routeconfig.PolicyQuorum {
		return http.StatusOK
	}
	if c.PartialStatusCode != 0 {
		return c.PartialStatusCode
	}
	if c.Type == routeconfig.ResponseEnvelope {
		return http.StatusMultiStatus
	}
	return http.StatusOK
}

// single returns the index of the answer that is passed as it is, or -1.
func (c *Combiner) single(r *fanout.Result) int {
	switch {
	case c.Type == routeconfig.ResponsePrimary && c.passesPrimary(r):
		return c.Primary
	case c.Type != routeconfig.ResponseFirst || r.Outcome == fanout.Unmet:
		return -1
	case r.Deciding >= 0:
		return r.Deciding
	}
	return slices.IndexFunc(r.Answers, func(a fanout.Answer) bool { return a.Outcome == fanout.Succeeded })
}

// passesPrimary passes the primary's own response whatever its status, unless the
// policy was not met because of another backend.
func (c *Combiner) passesPrimary(r *fanout.Result) bool {
	a := &r.Answers[c.Primary]
	return a.Responded() &&
		(a.Outcome == fanout.Succeeded && r.Outcome != fanout.Unmet || a.Outcome == fanout.Failed && a.Reason == fanout.Status)
}

func (c *Combiner) pass(r *fanout.Result, i int) Response {
	a := &r.Answers[i]
	response := Response{Outcome: r.Outcome, Status: a.Status, Header: headers.Response(a.Header), Body: a.Body, Passed: i}
	switch a.Status {
	case http.StatusResetContent: // RFC 9110, section 15.3.6
		if len(a.Body) > 0 { // which is not sent
			maps.DeleteFunc(response.Header, func(name string, _ []string) bool { return headers.AboutContent(name) && !headers.Validates(name) })
		}
		response.Body = nil
	case http.StatusNoContent, http.StatusNotModified: // section 6.4.1
		response.Body = nil
	}
	c.Diagnose(r, response.Header)
	return response
}
