// Package tether holds what a call has under way at one backend, until it is let go or cut.
// Its Context is a context.Context of which package context would make five objects, and six
// more where an exchange is told of its end.
package tether

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Ender is told the end of a Context.
type Ender interface {
	// End is called once at the most, from any goroutine, and does not wait.
	End(cause error)
}

// Context is a context that ends when End is called, and not before. Its error is the cause.
// It is safe for concurrent use, and not copied once it has begun.
type Context struct {
	values context.Context
	parent *Context // nil where it ends by itself alone

	mu     sync.Mutex
	cause  error         // once it has ended
	done   chan struct{} // once somebody has asked for it
	enders []Ender
	room   [1]Ender // of enders: as a rule there is one
}

// Begin begins a Context that has the values of another one, and nothing else of it. That one
// cannot be canceled, or package context takes its cause for this one's.
func (c *Context) Begin(values context.Context) {
	c.values = values
	c.enders = c.room[:0]
}

// New returns one that has begun.
func New(values context.Context) *Context {
	c := &Context{}
	c.Begin(values)
	return c
}

// Branch returns a Context that ends with this one, if not before, and has the values of
// another, as Begin takes it: of this one, as a rule. It is to be ended.
func (c *Context) Branch(values context.Context) *Context {
	b := New(values)
	b.parent = c
	c.Attach(b)
	return b
}

// End implements Ender: it ends the context, and all that hangs on it. The first cause counts;
// nil is context.Canceled.
func (c *Context) End(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return
	}
	c.cause = cause
	if c.done != nil {
		close(c.done)
	}
	enders := c.enders
	c.enders = nil
	c.mu.Unlock()
	for _, e := range enders {
		e.End(cause)
	}
	if c.parent != nil {
		c.parent.Detach(c)
	}
}

// Attach has e told the end; at once where that was before.
func (c *Context) Attach(e Ender) {
	c.mu.Lock()
	cause := c.cause
	if cause == nil {
		c.enders = append(c.enders, e)
	}
	c.mu.Unlock()
	if cause != nil {
		e.End(cause)
	}
}

// Detach reports whether e has not been told, and will not be.
func (c *Context) Detach(e Ender) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.enders, e)
	if i < 0 {
		return false
	}
	c.enders = slices.Delete(c.enders, i, i+1)
	return true
}

// Deadline implements context.Context: it has none.
func (*Context) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		if c.done = make(chan struct{}); c.cause != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context. It is the cause, as it is for context.Cause.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Value implements context.Context.
func (c *Context) Value(key any) any { return c.values.Value(key) }

// AfterFunc lets package context derive contexts without a goroutine for each.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	e := &function{f}
	c.Attach(e)
	return func() bool { return c.Detach(e) }
}

type function struct{ f func() }

// End implements Ender.
func (f *function) End(error) { f.f() }
