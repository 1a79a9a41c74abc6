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
// are compiled once, beside the passes. Namespaces take turns by the expression, so that
// one tenant waits for another as long as there are tenants, whatever they write and
// however often they edit it. Within one the least work goes first, and no route waits for
// more than its own length of work that came after it. There is one for a route that is
// there, and the faults in it are bounded by its spec. Its methods are safe for concurrent
// use.
type verdicts struct {
	// check compiles an expression.
	check compile.Checker
	// moved is told when a verdict is there.
	moved func(types.NamespacedName)

	mu      sync.Mutex
	routes  map[types.NamespacedName]*verdict
	dockets map[string]*docket // by namespace
	turns   uint64             // that were given, and namespaces that came
	wake    chan struct{}      // holds a token when there may be work
}

// docket is what a namespace has among verdicts.
type docket struct {
	routes int    // with a verdict, found or not
	turn   uint64 // its last one; of a new namespace when it came
	begun  int    // characters of all expressions that had a turn
}

// verdict is that on one generation.
type verdict struct {
	uid        types.UID
	generation int64
	left       []compile.Expression
	docket     *docket
	due        int // what its docket had begun when it came, and its own characters
	running    int
	faults     field.ErrorList
}

func newVerdicts(check compile.Checker, moved func(types.NamespacedName)) *verdicts {
	return &verdicts{check: check, moved: moved, routes: map[types.NamespacedName]*verdict{}, dockets: map[string]*docket{}, wake: make(chan struct{}, verdictSlots)}
}

// of returns the faults of a route's expressions. Where they are not known yet, moved
// will tell.
func (v *verdicts) of(route *v1alpha1.FanoutRoute, expressions []compile.Expression) (faults field.ErrorList, known bool) {
	key := types.NamespacedName{Namespace: route.Namespace, Name: route.Name}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(expressions) == 0 {
		v.drop(key)
		return nil, true
	}
	now, ok := v.routes[key]
	if !ok || now.uid != route.UID || now.generation != route.Generation {
		now = &verdict{uid: route.UID, generation: route.Generation, left: expressions}
		v.enter(key, now)
		v.waken()
	}
	return now.faults, now.done()
}

// enter puts a verdict in the place of the route's last one.
func (v *verdicts) enter(key types.NamespacedName, w *verdict) {
	d, ok := v.dockets[key.Namespace]
	if !ok { // behind all that wait: who leaves and comes again gains no turn
		v.turns++
		d = &docket{turn: v.turns}
		v.dockets[key.Namespace] = d
	}
	d.routes++
	v.drop(key)
	w.docket, w.due = d, d.begun
	for _, e := range w.left {
		w.due += length(e)
	}
	v.routes[key] = w
}

// drop forgets a route's verdict, and its namespace with the last one.
func (v *verdicts) drop(key types.NamespacedName) {
	w, ok := v.routes[key]
	if !ok {
		return
	}
	delete(v.routes, key)
	if w.docket.routes--; w.docket.routes == 0 {
		delete(v.dockets, key.Namespace)
	}
}

func length(e compile.Expression) int { return utf8.RuneCountInString(e.Source) }

func (w *verdict) done() bool { return len(w.left) == 0 && w.running == 0 }

func (v *verdicts) forget(route types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(route)
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

// step compiles one expression of the route whose turn it is, if there is any.
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

func (v *verdicts) take() (key types.NamespacedName, first *verdict, next compile.Expression) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, w := range v.routes {
		if len(w.left) > 0 && (first == nil || w.before(first)) {
			key, first = name, w
		}
	}
	if first == nil {
		return key, nil, next
	}
	next = first.left[0]
	if first.left = first.left[1:]; len(first.left) == 0 {
		first.left = nil // or it keeps the text of all
	}
	v.turns++
	first.docket.turn = v.turns
	first.docket.begun += length(next)
	first.running++
	v.waken() // there may be more for others
	return key, first, next
}

// before reports whether a verdict's turn comes before another's.
func (w *verdict) before(other *verdict) bool {
	if w.docket != other.docket {
		return w.docket.turn < other.docket.turn
	}
	return w.due < other.due
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
