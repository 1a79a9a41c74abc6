package gate

import (
	"fmt"
	"net/http"

	"github.com/fanout-operator/fanout/internal/creds"
	"github.com/fanout-operator/fanout/internal/openapi"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// described is what calls are held against.
type described struct {
	api *creds.Derived[*openapi.API]
	// passes lets calls pass that the document does not describe.
	passes bool
}

// newDescribed returns nil for no document.
func newDescribed(config *routeconfig.Route, store *creds.Store) *described {
	o := config.Validation.OpenAPI
	if o == nil {
		return nil
	}
	return &described{OpenAPI(store, config.Namespace, o.ConfigMap), o.PassUnknown}
}

// OpenAPI is the handle on an OpenAPI document in a ConfigMap.
func OpenAPI(store *creds.Store, namespace string, at routeconfig.ConfigMapKey) *creds.Derived[*openapi.API] {
	return creds.Config(store, namespace, at, string(routeconfig.UseOpenAPI), openapi.Compile)
}

// checkOperation holds the call against the document.
func (g *Gate) checkOperation(guest *Guest, a *Admission) *Refusal {
	return g.judged(routeconfig.RuleOpenAPI, g.described.judge(guest, a))
}

// judge says what of the call is not as the document describes it: its operation, then its
// parameters, then its body. Parameters are read as they were sent: a token among them is
// one of them, whether or not backends get it.
func (d *described) judge(guest *Guest, a *Admission) *Refusal {
	api, err := d.api.Get()
	if err != nil {
		return unjudged()
	}
	call := openapi.Call{Method: a.Call.Method, Path: a.Call.Path, Host: a.Call.Host, Header: guest.Request.Header}
	_, call.Query, _ = split(guest.Request.RequestURI)
	operation, segments := api.Find(&call)
	switch {
	case operation == nil && d.passes:
		return nil
	case operation == nil:
		return noOperation()
	}
	if faults := operation.Faults(&call, segments); len(faults) > 0 {
		return invalidParameters(faults)
	}
	return judgeContent(guest, operation.Body, a.Call.Body)
}

// judgeContent holds a body against what an operation takes.
func judgeContent(guest *Guest, of *openapi.Body, body []byte) *Refusal {
	switch {
	case of == nil, len(body) == 0 && !of.Required:
		return nil
	case len(body) == 0:
		return bodyMissing()
	}
	types := guest.Request.Header.Values("Content-Type")
	if len(types) != 1 { // nobody knows which one counts
		return undescribedType()
	}
	schema, ok := of.Schema(types[0])
	switch {
	case !ok:
		return undescribedType()
	case schema == nil:
		return nil
	}
	return judgeBytes(guest, schema, body, routeconfig.RuleOpenAPI)
}

func noOperation() *Refusal {
	return refuse(problem.NoOperation, http.StatusNotFound, "validation.openAPI of the route describes no such operation")
}

func undescribedType() *Refusal {
	return refuse(problem.UnsupportedType, http.StatusUnsupportedMediaType, "validation.openAPI of the route describes no body of this media type")
}

func bodyMissing() *Refusal {
	refusal := refuse(problem.InvalidBody, http.StatusUnprocessableEntity, "validation.openAPI of the route asks for a body")
	refusal.Errors = []problem.Error{{Rule: routeconfig.RuleOpenAPI, Keyword: "required"}}
	return refusal
}

// invalidParameters names parameters as the document does; a pointer is into the value of
// one.
func invalidParameters(faults []openapi.Fault) *Refusal {
	refusal := refuse(problem.BadParameters, http.StatusBadRequest, "validation.openAPI of the route does not admit the parameters")
	for _, f := range faults {
		refusal.Errors = append(refusal.Errors, problem.Error{
			Pointer: f.Pointer, Rule: routeconfig.RuleOpenAPI, Keyword: f.Keyword, Message: fmt.Sprintf("%s parameter %q", f.In, f.Name),
		})
	}
	return refusal
}
