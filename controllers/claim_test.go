package controllers

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/rates"
)

// ledger counts the writes of statuses, and answers them. It has no Lease that may be read.
type ledger struct {
	client.Client
	answer error
	writes int
}

func (l *ledger) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "leases"}, "name", nil)
}

func (l *ledger) Status() client.SubResourceWriter { return statuses{nil, l} }

type statuses struct {
	client.SubResourceWriter
	l *ledger
}

func (s statuses) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	s.l.writes++
	return s.l.answer
}

// claimant is an operator that sees nothing but a ledger.
func claimant(l *ledger) *RouteReconciler {
	return &RouteReconciler{
		Client: l, Live: l, Recorder: events.NewFakeRecorder(1000), Proxies: desired.Options{Operator: "ours/one"},
		Rates:    rates.New(rates.NewHTTPFetcher(), time.Second, func(types.NamespacedName) {}),
		verdicts: newVerdicts(func(compile.Expression) *field.Error { return nil }, func(types.NamespacedName) {}), configMaps: &configMaps{},
	}
}

// sight is a route as one pass sees it.
type sight struct {
	after    time.Duration
	operator string // in the status
	children bool
	mark     string // that they bear
	edited   bool   // and the status says nothing of it
	mine     bool   // what is wanted
}

func (i sight) scope(start time.Time, memory *memory) *scope {
	s := &scope{memory: memory, key: types.NamespacedName{Namespace: "shop", Name: "orders"}, now: start.Add(i.after), live: map[string]client.Object{}}
	s.route = &v1alpha1.FanoutRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", Generation: 1, UID: "orders-uid"}}
	s.route.Status.Operator, s.route.Status.ObservedGeneration = i.operator, 1
	if i.edited {
		s.route.Generation++
	}
	if i.children {
		owners := []metav1.OwnerReference{{UID: s.route.UID, Controller: new(true)}}
		s.live["Service"] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{OwnerReferences: owners}}
		s.live["ConfigMap"] = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			OwnerReferences: owners, Annotations: map[string]string{v1alpha1.OperatorAnnotation: i.mark},
		}}
	}
	return s
}

// L8: a route whose operator does not put its mark back, or tells of no edit, is taken over,
// after a time that one which lives does not need; any other one is left alone for ever.
func TestL8NeglectedRoutesAreTakenOver(t *testing.T) {
	t.Parallel()
	const a, b = "theirs/a", "theirs/b"
	for name, row := range map[string][]sight{
		"a mark that stays": {
			{0, a, true, a, false, false}, {time.Hour, a, true, a, true, false},
		},
		"a mark that is taken off": {
			{0, a, true, "", false, false}, {19 * time.Second, a, true, "", false, false}, {20 * time.Second, a, true, "", false, true},
		},
		"a mark that is put back": {
			{0, a, true, "", false, false}, {10 * time.Second, a, true, a, false, false}, {20 * time.Second, a, true, "", false, false},
			{39 * time.Second, a, true, "", false, false}, {40 * time.Second, a, true, "", false, true},
		},
		"somebody else who was faster": {
			{0, a, true, "", false, false}, {20 * time.Second, b, true, "", false, false}, {40 * time.Second, b, true, "", false, true},
		},
		"no children": {
			{0, a, false, "", false, false}, {time.Hour, a, false, "", false, false},
		},
		"no children, and an edit": {
			{0, a, false, "", true, false}, {59 * time.Second, a, false, "", true, false}, {time.Minute, a, false, "", true, true},
		},
		"no children, and an edit that is told of": {
			{0, a, false, "", true, false}, {50 * time.Second, a, false, "", false, false}, {time.Minute, a, false, "", true, false},
		},
	} {
		l, start := &ledger{}, time.Now()
		r, kept := claimant(l), &memory{}
		for i, seen := range row {
			s := seen.scope(start, kept)
			mine, err := r.own(t.Context(), s)
			if err != nil || mine != seen.mine {
				t.Errorf("%s: pass %d says %v, %v", name, i, mine, err)
			}
			if !mine && (s.again <= 0 || s.again > ownAgain) {
				t.Errorf("%s: pass %d comes again after %v", name, i, s.again)
			}
		}
		if want := row[len(row)-1].mine; l.writes > 1 || (l.writes == 1) != want {
			t.Errorf("%s: %d claims", name, l.writes)
		}
	}
}

// R11: what a route of the same name left behind bears the mark of the operator that had
// that one. It may be elsewhere now, and live: its mark keeps nobody from a new route.
func TestR11MarksOfOrphansKeepNobodyOff(t *testing.T) {
	t.Parallel()
	kept := &memory{}
	orphaned := func(after time.Duration, operator string) *scope {
		s := sight{after: after, operator: operator, children: true, mark: "theirs/a", edited: true}.scope(time.Unix(0, 0), kept)
		for _, child := range s.live {
			child.SetOwnerReferences(nil)
		}
		return s
	}
	if mine, err := claimant(&ledger{}).own(t.Context(), orphaned(0, "")); !mine || err != nil {
		t.Errorf("a new route beside marked orphans: %v, %v", mine, err)
	}
	kept = &memory{}
	r := claimant(&ledger{})
	for _, after := range [...]time.Duration{0, 59 * time.Second} {
		if mine, err := r.own(t.Context(), orphaned(after, "theirs/a")); mine || err != nil {
			t.Errorf("a route that another one has claimed, %v after an edit: %v, %v", after, mine, err)
		}
	}
	if mine, err := r.own(t.Context(), orphaned(time.Hour, "theirs/a")); !mine || err != nil {
		t.Errorf("a route that another one has claimed and does not mind: %v, %v", mine, err)
	}
}

// R11: labels that the route's template adds are no mark of ours: they may have been others
// when the objects were made, or none.
func TestR11OrphansMayLackLabelsOfTheTemplate(t *testing.T) {
	t.Parallel()
	route := sight{}.scope(time.Now(), nil).route
	left := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Labels: desired.Labels(route)}}
	route.Spec.Proxy.Template = &v1alpha1.PodTemplate{Labels: map[string]string{"team": "shop"}}
	if !orphaned(left, route) {
		t.Error("what the route left before its template had a label is somebody else's")
	}
}

// L8: claims come out of the budget of the status, whoever undoes them, and whoever has the
// route in between.
func TestL8ClaimsHaveABudget(t *testing.T) {
	t.Parallel()
	l, start := &ledger{}, time.Now()
	r, kept := claimant(l), &memory{}
	for i := range 600 {
		seen := sight{after: time.Duration(i) * time.Second, children: true}
		if i%10 == 5 {
			seen.operator, seen.mark = "theirs/a", "theirs/a"
		}
		if _, err := r.own(t.Context(), seen.scope(start, kept)); err != nil {
			t.Fatal(err)
		}
	}
	if l.writes < 20 || l.writes > 26 {
		t.Errorf("%d claims in ten minutes, want 20 to 26", l.writes)
	}
}

// L8: a route that goes while its status is written is no error of anybody.
func TestL8RouteThatGoesMeanwhileIsNoError(t *testing.T) {
	t.Parallel()
	l := &ledger{answer: apierrors.NewNotFound(schema.GroupResource{Resource: "fanoutroutes"}, "orders")}
	r, s := claimant(l), sight{}.scope(time.Now(), &memory{})
	if mine, err := r.own(t.Context(), s); mine || err != nil {
		t.Errorf("a claim says %v, %v", mine, err)
	}
	if _, err := r.report(t.Context(), s, s.now); err != nil {
		t.Errorf("a report says %v", err)
	}
	if l.writes != 2 {
		t.Errorf("%d writes, want a claim and a report", l.writes)
	}
	l.answer = apierrors.NewInternalError(context.DeadlineExceeded)
	if _, err := r.own(t.Context(), s); err == nil {
		t.Error("a claim that fails says nothing")
	}
	if _, err := r.report(t.Context(), s, s.now); err == nil {
		t.Error("a report that fails says nothing")
	}
}
