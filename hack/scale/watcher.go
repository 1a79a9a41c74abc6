package main

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// watcher sees of routes what anybody does who watches them.
type watcher struct {
	mu    sync.Mutex
	ready map[types.NamespacedName]bool
	edits map[types.NamespacedName]*edit
}

// edit is when a spec was changed, when its document was written, and when the status said
// that every proxy serves it.
type edit struct{ begun, written, shown time.Time }

func newWatcher() *watcher {
	return &watcher{ready: map[types.NamespacedName]bool{}, edits: map[types.NamespacedName]*edit{}}
}

// begin notes an edit that is about to be made.
func (w *watcher) begin(route types.NamespacedName, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.edits[route] = &edit{begun: now}
}

// written notes that a route's document has become another one.
func (w *watcher) written(route types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.edits[route]; e != nil && e.written.IsZero() {
		e.written = time.Now()
	}
}

// saw takes what a route says of itself.
func (w *watcher) saw(object client.Object) {
	route, ok := object.(*v1alpha1.FanoutRoute)
	if !ok {
		return
	}
	c := meta.FindStatusCondition(route.Status.Conditions, v1alpha1.ConditionReady)
	served := c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == route.Generation
	w.mu.Lock()
	defer w.mu.Unlock()
	key := client.ObjectKeyFromObject(object)
	w.ready[key] = served
	if e := w.edits[key]; e != nil && served && !e.written.IsZero() && e.shown.IsZero() {
		e.shown = time.Now()
	}
}

// count is how many routes are ready.
func (w *watcher) count() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ready := range w.ready {
		if ready {
			n++
		}
	}
	return n
}

// take returns what edits took until the document was written, and until the status said so, of those
// that came so far, and how many there were.
func (w *watcher) take() (written, shown []time.Duration, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.edits {
		if !e.written.IsZero() {
			written = append(written, e.written.Sub(e.begun))
		}
		if !e.shown.IsZero() {
			shown = append(shown, e.shown.Sub(e.begun))
		}
	}
	return written, shown, len(w.edits)
}
