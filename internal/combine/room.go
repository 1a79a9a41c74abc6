package combine

import "github.com/fanout-operator/fanout/internal/fanout"

// room is the memory in which a response is made. Whatever takes of it does so before it
// makes something; short stays set once there was too little.
type room struct {
	memory fanout.Memory // nil for nobody counts
	short  bool
}

func (r *room) take(n int) bool {
	if r.memory != nil && !r.memory.Take(int64(n)) {
		r.short = true
	}
	return !r.short
}

func (r *room) give(n int) {
	if r.memory != nil {
		r.memory.Give(int64(n))
	}
}
