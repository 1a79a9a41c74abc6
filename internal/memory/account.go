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
	age    uint64
	held   atomic.Int64
	users  atomic.Int32
	// coming is the body that comes; both are guarded by the budget.
	coming  Incoming
	yielded bool
}

// Incoming is a body that comes at its sender's pace.
type Incoming interface {
	// Receive reads it, and takes its room from the account.
	Receive()
	// Stop ends that soon, from any goroutine.
	Stop()
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

// Room takes n bytes and makes an empty slice with room for them; ok is false where there are
// not as many. Where they are many, older accounts go first.
func (a *Account) Room(n int64) (b []byte, ok bool) {
	if n < roomy {
		return a.Make(n)
	}
	return a.roomInTurn(n)
}

func (a *Account) roomInTurn(n int64) (b []byte, ok bool) {
	a.Do(int(n), func() { b, ok = a.Make(n) })
	return b, ok
}

// Make is Room where it is asked for in Do.
func (a *Account) Make(n int64) (b []byte, ok bool) {
	if !a.Take(n) {
		return nil, false
	}
	if n < roomy {
		return make([]byte, 0, n), true
	}
	return touched(n), true
}

// Do calls f, which looks at so many bytes, where that delays nobody, and returns when f has.
// Older accounts go first. f does not call Do.
func (a *Account) Do(bytes int, f func()) {
	if a.budget.Order == nil {
		f()
		return
	}
	a.budget.Order.Do(a.age, bytes, f)
}

// DoHeld is Do for who looks at all that the account has taken, so many times.
func (a *Account) DoHeld(times int64, f func()) { a.Do(int(times*a.held.Load()), f) }

// roomy is the size from which the first use of memory takes longer than a small call, in
// bytes.
const roomy = 256 << 10

// touched is room whose pages are there: to get one from the kernel may take 20 µs, in which
// whoever fills the room would wait.
func touched(n int64) []byte {
	b := make([]byte, n)
	for i := 0; i < len(b); i += 4 << 10 {
		b[i] = 0
	}
	return b[:0]
}

// Pass lets older accounts go first, and what is short. It is for whoever works on many bytes
// of the account, now and then.
func (a *Account) Pass() {
	if a.budget.Order != nil {
		a.budget.Order.Pass(a.age)
	}
}

// PassLarge is Pass for an account that has taken many bytes.
func (a *Account) PassLarge() {
	if a.held.Load() >= roomy {
		a.Pass()
	}
}

// Receive has a body read. Where its room is needed for others meanwhile, the body is stopped
// and Receive returns true.
func (a *Account) Receive(body Incoming) (yielded bool) {
	if a.holder == nil { // nobody's share is judged
		body.Receive()
		return false
	}
	a.setComing(body)
	body.Receive()
	return a.setComing(nil)
}

func (a *Account) setComing(body Incoming) (yielded bool) {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.coming = body
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
