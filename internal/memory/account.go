package memory

import "sync/atomic"

// Account is what one call has taken of its budget. The last of its users gives all back.
// It is safe for concurrent use.
//
// Budget.Open makes accounts, and nothing else does: a nil one, or one of no budget, panics
// when it is used, so that a call which was given none is never a call without a limit.
type Account struct {
	budget *Budget
	holder *holder // nil for none
	held   atomic.Int64
	users  atomic.Int32
	// yield ends the body that comes; both are guarded by the budget.
	yield   func()
	yielded bool
}

// Join adds a user, who closes the account too.
func (a *Account) Join() { a.users.Add(1) }

// Take takes n bytes; false where there are not as many.
func (a *Account) Take(n int64) bool {
	if a.budget.beyond(a.holder) {
		return false
	}
	if a.budget.used.Add(n) > a.budget.Limit {
		a.budget.used.Add(-n)
		a.budget.refuse(a.holder)
		return false
	}
	a.hold(n)
	return true
}

func (a *Account) hold(n int64) {
	a.held.Add(n)
	if a.holder != nil {
		a.holder.held.Add(n)
	}
}

// Give gives n bytes back before the end.
func (a *Account) Give(n int64) {
	a.budget.used.Add(-n)
	a.hold(-n)
}

// Make makes an empty slice with room for n bytes that were taken before.
func (a *Account) Make(n int64) []byte {
	if a.budget.Make != nil {
		return a.budget.Make(n)
	}
	return make([]byte, 0, n)
}

// Receive calls read, which fills the account with a body that comes at its sender's
// pace. Where the room is needed for others meanwhile, it calls stop, from any
// goroutine, and Receive returns true.
func (a *Account) Receive(stop, read func()) (yielded bool) {
	if a.holder == nil { // nobody's share is judged
		read()
		return false
	}
	a.setYield(stop)
	read()
	return a.setYield(nil)
}

func (a *Account) setYield(stop func()) (yielded bool) {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.yield = stop
	return a.yielded
}

// Close ends the use of one user.
func (a *Account) Close() {
	if a.users.Add(-1) > 0 {
		return
	}
	a.Give(a.held.Load())
	if a.holder == nil {
		return
	}
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	if delete(a.holder.accounts, a); len(a.holder.accounts) == 0 {
		delete(a.budget.holders, a.holder.address)
	}
}
