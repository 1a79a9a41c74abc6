package body

import (
	"errors"
	"sync/atomic"
)

// ErrMemory is returned where the budget has no room for more of a body.
var ErrMemory = errors.New("the memory for bodies is used up")

// Budget bounds the memory of all bodies in a process. It is safe for concurrent use.
type Budget struct {
	// Limit is in bytes.
	Limit int64

	used atomic.Int64
}

// Used is what is taken now, in bytes.
func (b *Budget) Used() int64 { return b.used.Load() }

// Open returns an Account with one user.
func (b *Budget) Open() *Account {
	a := &Account{budget: b}
	a.users.Add(1)
	return a
}

// Account is what one call has taken of the budget. The last of its users gives all
// back. A nil Account has no limit.
type Account struct {
	budget *Budget
	held   atomic.Int64
	users  atomic.Int32
}

// Join adds a user, who closes the account too.
func (a *Account) Join() { a.users.Add(1) }

// Take takes n bytes; false where there are not as many.
func (a *Account) Take(n int64) bool {
	if a == nil {
		return true
	}
	if a.budget.used.Add(n) > a.budget.Limit {
		a.budget.used.Add(-n)
		return false
	}
	a.held.Add(n)
	return true
}

// Add takes n bytes that are in use already, whether there are as many or not.
func (a *Account) Add(n int64) {
	if a != nil {
		a.budget.used.Add(n)
		a.held.Add(n)
	}
}

// Give gives n bytes back before the end.
func (a *Account) Give(n int64) { a.Add(-n) }

// Close ends the use of one user.
func (a *Account) Close() {
	if a != nil && a.users.Add(-1) == 0 {
		a.budget.used.Add(-a.held.Swap(0))
	}
}
