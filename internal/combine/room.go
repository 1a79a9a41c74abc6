package combine

import "github.com/fanout-operator/fanout/internal/memory"

// room is the memory in which a response is made. Whatever takes of it does so before it
// makes something; short stays set once there was too little.
type room struct {
	account *memory.Account
	short   bool
}

func (r *room) take(n int) bool {
	if !r.account.Take(int64(n)) {
		r.short = true
	}
	return !r.short
}

func (r *room) give(n int) { r.account.Give(int64(n)) }
