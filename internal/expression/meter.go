package expression

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

const (
	// MaxCost bounds an evaluation, in units: a step of an expression costs one, and so do
	// ten bytes looked at. All of it takes some 30 ms.
	MaxCost = 100_000
	// MaxCallCost bounds all evaluations for one call together.
	MaxCallCost = 300_000

	bytesPerUnit = 10
	// piece is how many units are taken at once: only then is looked whether the call has
	// ended, and memory taken for what these steps make.
	piece = 256
	// madePerUnit is what a step makes at most, in bytes, until the evaluation has ended.
	madePerUnit = 64
	// maxKept and keptFree bound what is kept of a body, in times of its size and in bytes:
	// of the smallest objects it would be 100 times as much.
	maxKept  = 16
	keptFree = 8 << 20
	// maxScans bounds the bytes in which containers are found, in times of the body: what is
	// nested is scanned again with each of its levels.
	maxScans = 16
	// large is from how many bytes on it is looked first whether the call has ended.
	large = 64 << 10
)

// Memory is what evaluations take the memory from that they need, in bytes.
type Memory interface {
	// Take is false where there is not as much.
	Take(n int64) bool
	Give(n int64)
}

// ErrMemory is returned where there was no memory for an evaluation.
var ErrMemory = errors.New("the memory is used up")

var (
	errCost  = fmt.Errorf("costs over %d", MaxCost)
	errSpent = fmt.Errorf("the expressions of the call have cost over %d", MaxCallCost)
	errKept  = fmt.Errorf("more of the body is looked into than %d MiB and %d times its size have room for", keptFree>>20, maxKept)
	errEnded = errors.New("the call has ended")
)

// meter counts what the evaluations for one call cost, and ends the one that is under way:
// its fault is the outcome then, whatever CEL makes of the values that come after. CEL's
// own bookkeeping looks through all values so far with each step, leaves steps out that
// it does not find there, and charges for a step when it is done.
//
// Expressions carry it as an argument of the functions that they are rewritten to.
type meter struct {
	opaque

	memory   Memory
	done     <-chan struct{}
	patterns map[string]*pattern // of the program
	fault    error
	left     int   // units taken and not used yet
	taken    int   // units of this evaluation
	spent    int   // units of evaluations before
	kept     int64 // bytes of memory that the index of the body has
	most     int64 // bytes that may be kept
	scans    int   // bytes that may still be scanned
}

// begin starts an evaluation, which ends before ctx does.
func (m *meter) begin(ctx context.Context, p *Program) error {
	m.done, m.patterns, m.fault, m.left, m.taken = ctx.Done(), p.patterns, nil, 0, 0
	if !m.take(p.steps) {
		return m.outcome(ctx)
	}
	return nil
}

// end gives back what the evaluation had.
func (m *meter) end() {
	m.memory.Give(int64(m.taken) * madePerUnit)
	m.spent += m.taken - max(m.left, 0)
	m.taken, m.left = 0, 0
}

// outcome is the error with which the evaluation was ended, or nil.
func (m *meter) outcome(ctx context.Context) error {
	switch {
	case m.fault == nil:
		return nil
	case errors.Is(m.fault, errEnded):
		return fmt.Errorf("evaluate: %w: %w", errEnded, context.Cause(ctx))
	}
	return fmt.Errorf("evaluate: %w", m.fault)
}

// take takes units; false where the evaluation is to end.
func (m *meter) take(units int) bool {
	if m.fault != nil {
		return false
	}
	if m.left -= units; m.left < 0 {
		m.fault = m.refill()
	}
	return m.fault == nil
}

// text takes the units of looking at a text.
func (m *meter) text(length int) bool { return m.take(length / bytesPerUnit) }

// refill takes as many pieces as are lacking.
func (m *meter) refill() error {
	units := (-m.left + piece - 1) / piece * piece
	switch {
	case m.ended():
		return errEnded
	case m.taken-m.left > MaxCost:
		return errCost
	case m.spent+m.taken-m.left > MaxCallCost:
		return errSpent
	case !m.memory.Take(int64(units) * madePerUnit):
		return ErrMemory
	}
	m.taken += units
	m.left += units
	return nil
}

// ended reports whether the call has.
func (m *meter) ended() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// scan takes bytes in which the parts of a container are found; the value is the error
// where it was too many, or nil. A large one takes as long as many steps.
func (m *meter) scan(n int) ref.Val {
	m.scans -= n
	switch {
	case m.scans < 0:
		return types.NewErr("the body is looked into too deep: more than %d times its size", maxScans)
	case n >= large && m.ended():
		m.fault = errEnded
		return m.err()
	}
	return nil
}

// keep takes memory for what is found out about the body, until the call has no use for
// it any more.
func (m *meter) keep(bytes int) bool {
	switch {
	case m.fault != nil:
	case m.kept+int64(bytes) > m.most:
		m.fault = errKept
	case !m.memory.Take(int64(bytes)):
		m.fault = ErrMemory
	default:
		m.kept += int64(bytes)
	}
	return m.fault == nil
}

// drop gives back what was kept.
func (m *meter) drop(bytes int64) {
	m.memory.Give(bytes)
	m.kept -= bytes
}

// err is the value in the place of what was not looked at any more.
func (m *meter) err() ref.Val { return types.WrapErr(m.fault) }

// opaque is the part of a value that nobody asks for.
type opaque struct{}

// ConvertToNative implements ref.Val.
func (opaque) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("convert to %v: not supported", t)
}

// ConvertToType implements ref.Val.
func (opaque) ConvertToType(ref.Type) ref.Val { return types.NewErr("this is no value") }

// Equal implements ref.Val.
func (opaque) Equal(ref.Val) ref.Val { return types.False }

// Type implements ref.Val.
func (opaque) Type() ref.Type { return types.IteratorType }

// Value implements ref.Val.
func (opaque) Value() any { return nil }
