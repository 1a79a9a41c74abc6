package stats

import (
	"iter"
	"slices"
	"time"
)

// The windows of a Report.
const (
	Window1m = "1m"
	Window5m = "5m"
	Window1h = "1h"
)

// Windows are those of a report by their names, as many as were asked for. In JSON they are an
// object. A map of them would have room for eight from the first on: an operator has one of each route
// and backend of each Pod in memory.
type Windows[W any] struct {
	OneHour     *W `json:"1h,omitempty"`
	OneMinute   *W `json:"1m,omitempty"`
	FiveMinutes *W `json:"5m,omitempty"`
}

// Windowed is one window.
func Windowed[W any](name string, of W) (w Windows[W]) {
	w.Set(name, of)
	return w
}

// place is where the window of a name is kept, nil where there is none of that name.
func (w *Windows[W]) place(name string) **W {
	switch name {
	case Window1m:
		return &w.OneMinute
	case Window5m:
		return &w.FiveMinutes
	case Window1h:
		return &w.OneHour
	}
	return nil
}

// Of returns a window, an empty one where there is none.
func (w Windows[W]) Of(name string) (of W) {
	if at := w.place(name); at != nil && *at != nil {
		of = **at
	}
	return of
}

// Set sets a window.
func (w *Windows[W]) Set(name string, of W) {
	if at := w.place(name); at != nil {
		*at = &of
	}
}

// All are the windows that there are, the shortest first.
func (w Windows[W]) All() iter.Seq2[string, *W] {
	return func(yield func(string, *W) bool) {
		for _, known := range windows() {
			if of := *w.place(known.name); of != nil && !yield(known.name, of) {
				return
			}
		}
	}
}

// sum is the window of a name that there is, to be added to.
func (w *Windows[W]) sum(name string) *W {
	at := w.place(name)
	if *at == nil {
		*at = new(W)
	}
	return *at
}

// only is a copy of one window, where it is there.
func (w Windows[W]) only(name string) (one Windows[W]) {
	if at := w.place(name); at != nil && *at != nil {
		one.Set(name, **at)
	}
	return one
}

// window is a span that is summed.
type window struct {
	name string
	slot time.Duration
}

func windows() [3]window {
	return [...]window{{Window1m, 5 * time.Second}, {Window5m, 25 * time.Second}, {Window1h, 5 * time.Minute}}
}

// among reports whether the window is one of those, of which none are all.
func (w window) among(names []string) bool { return len(names) == 0 || slices.Contains(names, w.name) }

// IsWindow reports whether there is a window of that name.
func IsWindow(name string) bool {
	all := windows()
	return slices.ContainsFunc(all[:], func(w window) bool { return w.name == name })
}

// The places of Window1m and Window5m among them.
const (
	oneMinute = iota
	fiveMinutes
)
