package trace

import (
	"errors"
	"time"
)

var errEndpoint = errors.New("tracing.endpoint cannot be read as a URL")

// refusal is why a collector has not taken spans, in words of ours: what it says itself is
// foreign, and another one each time.
type refusal struct {
	why string
	// again says that it may take them later, after wait at least.
	again bool
	wait  time.Duration
}

// Error implements error.
func (r *refusal) Error() string { return r.why }
