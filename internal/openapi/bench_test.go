package openapi_test

import (
	"net/http"
	"testing"

	"github.com/fanout-operator/fanout/internal/openapi"
)

// BenchmarkCall finds the operation of a call and judges four parameters. The body is for
// package judge, and takes what it takes there.
func BenchmarkCall(b *testing.B) {
	api := compiled(b, document("3.1.0", `
  /orders/{id}:
    get:
      parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      - {name: limit, in: query, schema: {type: integer, maximum: 100}}
      - {name: state, in: query, schema: {type: array, items: {enum: [open, closed]}}}
      - {name: X-Tenant, in: header, required: true, schema: {type: string, pattern: "^[a-z]+$"}}
servers: [{url: https://api.example.com/v1}]
`))
	call := openapi.Call{Method: "GET", Path: "/v1/orders/7", Query: "limit=10&state=open&state=closed", Header: http.Header{"X-Tenant": {"blue"}}}
	b.ReportAllocs()
	for b.Loop() {
		operation, segments := api.Find(&call)
		if operation == nil || operation.Faults(&call, segments) != nil {
			b.Fatal("the call is not admitted")
		}
	}
}
