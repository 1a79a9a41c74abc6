package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
)

func ofGeneration(name string, n int64) *v1alpha1.FanoutRoute {
	namespace, name, ok := strings.Cut(name, "/")
	if !ok {
		namespace, name = "", namespace
	}
	return &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-" + name), Generation: n}}
}

func expressions(sources ...string) (list []compile.Expression) {
	for i, source := range sources {
		list = append(list, compile.Expression{Path: field.NewPath("spec").Index(i), Source: source})
	}
	return list
}

// judges compiles by the word: "bad" is a fault, "defect" a panic.
type judges struct {
	mu    sync.Mutex
	list  []string
	told  []string
	begin chan struct{} // a token lets one begin
}

func (j *judges) check(e compile.Expression) *field.Error {
	if j.begin != nil {
		<-j.begin
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, e.Source)
	switch e.Source {
	case "bad":
		return field.Invalid(e.Path, e.Source, "is bad")
	case "defect":
		panic("defect")
	}
	return nil
}

// L1: each generation's expressions are compiled once, with fault or without; a panic of
// the compiler is a fault; what is gone is forgotten.
func TestL1ExpressionsAreCompiledOnceAGeneration(t *testing.T) {
	t.Parallel()
	j := &judges{}
	v := newVerdicts(j.check, func(route types.NamespacedName) { j.told = append(j.told, route.Name) })
	work := func() {
		for v.step() {
		}
	}
	for _, row := range []struct {
		route  *v1alpha1.FanoutRoute
		list   []compile.Expression
		faults int
	}{
		{ofGeneration("a", 1), expressions("x", "bad", "y", "defect"), 2},
		{ofGeneration("a", 2), expressions("x"), 0},
		{ofGeneration("b", 1), expressions("z"), 0},
	} {
		if _, known := v.of(row.route, row.list); known {
			t.Errorf("%s is known before it was compiled", row.route.Name)
		}
		work()
		for range 3 {
			if faults, known := v.of(row.route, row.list); !known || len(faults) != row.faults {
				t.Errorf("%s: faults %v, known %v, want %d", row.route.Name, faults, known, row.faults)
			}
			work()
		}
	}
	if got := strings.Join(j.list, " "); got != "x bad y defect x z" {
		t.Errorf("compiled %s, want each once a generation", got)
	}
	if !slices.Equal(j.told, []string{"a", "a", "b"}) {
		t.Errorf("told of %v", j.told)
	}
	if _, known := v.of(ofGeneration("c", 1), nil); !known || len(v.routes) != 2 {
		t.Errorf("a route without expressions is known: %v; kept %d", known, len(v.routes))
	}
	v.of(ofGeneration("b", 2), expressions("z")) // goes while it waits
	v.forget(types.NamespacedName{Name: "a"})
	v.forget(types.NamespacedName{Name: "b"})
	work()
	if len(v.routes) != 0 || len(j.list) != 6 || len(j.told) != 3 {
		t.Errorf("kept %d, compiled %v, told of %v", len(v.routes), j.list, j.told)
	}
}

// L1: a route with little goes before one with much, whichever came first, and the end of
// the operator waits for no more than what is being compiled.
func TestL1LeastWorkFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &judges{begin: make(chan struct{})}
		told := make(chan string, 10)
		v := newVerdicts(j.check, func(route types.NamespacedName) { told <- route.Name })
		var heavy []string
		for i := range 50 {
			heavy = append(heavy, fmt.Sprintf("%050d", i))
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error)
		v.of(ofGeneration("heavy", 1), expressions(heavy...))
		go func() { stopped <- v.run(ctx) }()
		synctest.Wait() // both slots have one of the heavy route
		v.of(ofGeneration("light", 1), expressions("x", "y"))
		for range verdictSlots + 2 {
			j.begin <- struct{}{}
			synctest.Wait()
		}
		if got := <-told; got != "light" {
			t.Errorf("the first one told of is %s", got)
		}
		cancel()
		close(j.begin)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if n := len(j.list); n > 2*verdictSlots+2 {
			t.Errorf("%d expressions were compiled, of %d, before the operator stopped", n, len(heavy)+2)
		}
	})
}

// L1: who edits routes in a loop, each shorter than another's, keeps that other one
// waiting for its own length of work at most: in another namespace by the turn, in the
// same by age. Nor does it help to delete the routes and to make them anew.
func TestL1NobodyStarvesTheVerdictOfAnother(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		victim string
		others int
		anew   bool
		most   int // expressions of others before the last of the victim's
	}{
		{"other/victim", 3, false, 4},
		{"other/victim", 3, true, 4},
		{"other/victim", 1, true, 4},
		{"noisy/victim", 3, false, 3 + 27/3}, // those that came before, and its length of others
		{"noisy/victim", 3, true, 3 + 27/3},
	} {
		j, told := &judges{}, ""
		v := newVerdicts(j.check, func(route types.NamespacedName) { told = route.Name })
		generation := int64(1)
		edit := func(name string) {
			generation++
			if row.anew {
				v.forget(types.NamespacedName{Namespace: "noisy", Name: name})
			}
			v.of(ofGeneration("noisy/"+name, generation), expressions("xxx"))
		}
		for i := range row.others {
			edit(fmt.Sprint("a", i))
		}
		v.of(ofGeneration(row.victim, 1), expressions("victim--1", "victim--2", "victim--3"))
		for range 200 {
			if told = ""; !v.step() || told == "victim" {
				break
			}
			if told != "" {
				edit(told)
			}
		}
		others := 0
		for _, source := range j.list {
			if source == "xxx" {
				others++
			}
		}
		if told != "victim" || others > row.most {
			t.Errorf("%+v: %d expressions of others were compiled, and last %q was told", row, others, told)
		}
		for _, w := range v.routes {
			if w.done() && w.left != nil {
				t.Error("what was compiled is kept")
			}
		}
		for key := range v.routes {
			v.forget(key)
		}
		if len(v.dockets) != 0 {
			t.Errorf("%d namespaces are kept of no route", len(v.dockets))
		}
	}
}
