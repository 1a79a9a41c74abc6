package controllers

import (
	"context"
	"errors"
	"sync"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
)

// verdictSlots is how many expressions are compiled at once. Workers never compile, so
// that a route with long ones holds up nobody's pass.
const verdictSlots = 2

// verdicts are what is wrong with the expressions of each generation of each route. They
// are compiled once, beside the passes, least work first: who has long expressions waits
// for who has short ones. There is one for a route that is there, and the faults in it are
// bounded by its spec. Its methods are safe for concurrent use.
type verdicts struct {
	// check compiles an expression.
	check compile.Checker
	// moved is told when a verdict is there.
	moved func(types.NamespacedName)

	mu     sync.Mutex
	routes map[types.NamespacedName]*verdict
	wake   chan struct{} // holds a token when there may be work
}

// verdict is that on one generation.
type verdict struct {
	uid        types.UID
	generation int64
	left       []compile.Expression
	size       int // of what is left, in characters
	running    int
	faults     field.ErrorList
}

func newVerdicts(check compile.Checker, moved func(types.NamespacedName)) *verdicts {
	return &verdicts{check: check, moved: moved, routes: map[types.NamespacedName]*verdict{}, wake: make(chan struct{}, verdictSlots)}
}

// of returns the faults of a route's expressions. Where they are not known yet, moved
// will tell.
func (v *verdicts) of(route *v1alpha1.FanoutRoute, expressions []compile.Expression) (faults field.ErrorList, known bool) {
	key := types.NamespacedName{Namespace: route.Namespace, Name: route.Name}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(expressions) == 0 {
		delete(v.routes, key)
		return nil, true
	}
	now, ok := v.routes[key]
	if !ok || now.uid != route.UID || now.generation != route.Generation {
		now = &verdict{uid: route.UID, generation: route.Generation, left: expressions}
		for _, e := range expressions {
			now.size += utf8.RuneCountInString(e.Source)
		}
		v.routes[key] = now
		v.waken()
	}
	return now.faults, now.done()
}

func (w *verdict) done() bool { return len(w.left) == 0 && w.running == 0 }

func (v *verdicts) forget(route types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.routes, route)
}

func (v *verdicts) waken() {
	select {
	case v.wake <- struct{}{}:
	default: // everybody is about to look
	}
}

// run compiles until ctx ends, and returns once what it has begun is over: an expression
// cannot be left halfway.
func (v *verdicts) run(ctx context.Context) error {
	var slots sync.WaitGroup
	for range verdictSlots {
		slots.Go(func() {
			for ctx.Err() == nil {
				if v.step() {
					continue
				}
				select {
				case <-v.wake:
				case <-ctx.Done():
				}
			}
		})
	}
	slots.Wait()
	return nil
}

// step compiles one expression of the route with the least left, if there is any.
func (v *verdicts) step() bool {
	key, w, next := v.take()
	if w == nil {
		return false
	}
	fault := v.judge(next)
	v.mu.Lock()
	w.running--
	if fault != nil {
		w.faults = append(w.faults, fault)
	}
	tell := w.done() && v.routes[key] == w // else the route is gone, or another one
	v.mu.Unlock()
	if tell {
		v.moved(key)
	}
	return true
}

func (v *verdicts) take() (key types.NamespacedName, least *verdict, next compile.Expression) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, w := range v.routes {
		if len(w.left) > 0 && (least == nil || w.size < least.size) {
			key, least = name, w
		}
	}
	if least == nil {
		return key, nil, next
	}
	next = least.left[0]
	least.left = least.left[1:]
	least.size -= utf8.RuneCountInString(next.Source)
	least.running++
	v.waken() // there may be more for others
	return key, least, next
}

// judge lets a defect of the compiler be one route's fault and not the operator's end.
func (v *verdicts) judge(e compile.Expression) (fault *field.Error) {
	defer func() {
		if recover() != nil {
			fault = field.InternalError(e.Path, errors.New("the compiler failed on it: write it in another way"))
		}
	}()
	return v.check(e)
}
