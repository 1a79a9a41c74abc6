// Package openapi says whether a call is one that an OpenAPI document describes, of version
// 3.0 or 3.1: which operation it is, and what is wrong with its parameters. A document is one
// text: nothing that it refers to is read from anywhere else. All values are judged by
// package judge, so that numbers are exact.
package openapi

import (
	"net/http"

	"github.com/fanout-operator/fanout/internal/judge"
)

// API is a compiled document. It is immutable.
type API struct{ paths *node }

// Operation is one that a document describes.
type Operation struct {
	// Body is what it takes; nil where it describes none.
	Body *Body

	template   string
	names      []string // of the parameters in the path's own template, in the order of it
	parameters []*parameter
}

// Call is what an operation and its parameters are read from.
type Call struct {
	Method string
	// Path and Query are as they were sent.
	Path, Query string
	// Host is what the header of that name says: net/http has it not among the others.
	Host   string
	Header http.Header
}

// Fault is one thing that is wrong with a parameter. It holds nothing of the value.
type Fault struct {
	// In is path, query, header or cookie.
	In, Name string
	// Pointer is where in the parameter's value the fault is (RFC 6901).
	Pointer string
	// Keyword is that of the parameter's schema which does not admit the value: required
	// where there is none, style where it is not written as the parameter's style has it.
	Keyword string
}

// Find returns the operation of a call, and what of the path each of its parameters there
// is, for Faults; nil for none. HEAD is GET where it is not described, as servers answer it.
func (a *API) Find(call *Call) (*Operation, []string) {
	found, segments := a.paths.find(call.Method, call.Path)
	if found == nil && call.Method == http.MethodHead {
		return a.paths.find(http.MethodGet, call.Path)
	}
	return found, segments
}

// Faults returns what is wrong with the parameters of a call: judge.MaxFaults at most, in
// the order of the document.
func (o *Operation) Faults(call *Call, segments []string) (faults []Fault) {
	if len(o.parameters) == 0 {
		return nil
	}
	g := given{call: call, operation: o, segments: segments}
	for _, p := range o.parameters {
		faults = append(faults, p.faults(&g)...)
		if len(faults) >= judge.MaxFaults {
			return faults[:judge.MaxFaults]
		}
	}
	return faults
}
