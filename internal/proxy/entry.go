package proxy

import (
	"net/http"
	"strings"

	"github.com/fanout-operator/fanout/internal/gate"
	"github.com/fanout-operator/fanout/internal/headers"
)

// trailerWidth is what the trailers of a request over HTTP/2 may take that has announced
// some: net/http keeps them all, of as many bytes as a head. Those of HTTP/1.1 are within
// what it reads ahead.
const trailerWidth = 3 * maxHead

// width is what the head of a request takes: as it was received, and once more for each
// backend the map of its fields, which share their bytes.
func width(r *http.Request, backends int) (bytes int64, fields int) {
	size := len(r.RequestURI)
	for name, values := range r.Header {
		size += len(name)
		fields += len(values)
		for _, value := range values {
			size += len(value)
		}
		if name == "Connection" { // each backend looks for what it names among the fields
			fields += strings.Count(strings.Join(values, ","), ",")
		}
	}
	return int64(size + (1+backends)*headers.Width(fields)), fields
}

// enter is what happens to a request before it is looked at: it is counted by who sent
// it, and its head is paid for. leave is to be called at the end, refused or not.
func (v *visit) enter() (leave func(), refusal *gate.Refusal) {
	v.Client = v.route.gate.Client(v.Request)
	address := holder(v.Client)
	v.Memory = v.proxy.memory.Open(address)
	leave = v.Memory.Close
	if v.client != nil {
		v.client.head.over()
		if v.client.head.ambiguous(v.Request) {
			v.Writer.Header()["Connection"] = []string{"close"}
		}
		if v.route.gate.Forwarded(v.Request) {
			done, ok := v.proxy.clients.forwarded(address)
			if !ok {
				return leave, gate.TooManyCalls()
			}
			leave = func() {
				done()
				v.Memory.Close()
			}
		}
	}
	bytes, fields := width(v.Request, len(v.route.backends)+len(v.route.shadows))
	if v.Request.ProtoMajor > 1 && len(v.Request.Trailer) > 0 {
		bytes += trailerWidth
	}
	switch {
	case fields > maxFields:
		return leave, gate.TooManyFields(maxFields)
	case !v.Memory.Take(bytes):
		return leave, gate.OutOfMemory()
	}
	return leave, nil
}
