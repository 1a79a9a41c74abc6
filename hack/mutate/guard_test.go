package main

import (
	"slices"
	"strings"
	"testing"
)

const guarded = `package p

func (s *store[K, V]) take(n int) (err error) {
	if n > s.room {
		return errFull
	}
	if v, ok := s.get(n); ok &&
		v != nil {
		s.taken++
	}
	if n < 0 {
		n = 0
	}
	if n > s.room {
		s.onFull = func() { return }
	}
	if n > s.room {
		s.cancels[n](errFull)
	} else if n == 0 {
		releaseAll(s)
	}
	if s.once {
		s.room -= n
	}
	defer func() {
		if n > s.room {
			close(s.done)
		}
	}()
	return nil
}

func free() {
	for {
		if full {
			if closed { panic("closed") }
			addition := 1
			_ = addition
		}
	}
}
`

func TestGuardsAreIfsThatReturnCancelReleaseOrCount(t *testing.T) {
	t.Parallel()
	list, err := guardsIn("p/p.go", []byte(guarded))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range list {
		got = append(got, g.does+" "+g.name)
	}
	want := []string{
		"returns p/p.go store.take: n > s.room",
		"counts p/p.go store.take: v, ok := s.get(n); ok && v != nil",
		"cancels p/p.go store.take: n > s.room #2",
		"releases p/p.go store.take: n == 0",
		"counts p/p.go store.take: s.once",
		"releases p/p.go store.take: n > s.room #3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("guards are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestVerbsAreTheFirstWordsOfNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"cancel": "cancels", "cancels": "cancels", "f.cancels": "cancels", "AbortStream": "cancels", "stop": "cancels",
		"Close": "releases", "releaseSlot": "releases", "Done": "releases",
		"Add": "counts", "Observe": "counts", "countAnswers": "counts",
		"address": "", "ended": "", "closest": "", "append": "", "": "",
	} {
		if got := does(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

// What else the condition does is done, and no line moves.
func TestDroppedGuardIsStillAsked(t *testing.T) {
	t.Parallel()
	list, err := guardsIn("p/p.go", []byte(guarded))
	if err != nil {
		t.Fatal(err)
	}
	got := string(list[1].dropped())
	want := strings.Replace(guarded, "ok &&\n\t\tv != nil {", "(ok &&\n\t\tv != nil) && false {", 1)
	if got != want {
		t.Errorf("without its second guard the file is\n%s", got)
	}
}

func TestSampleFollowsFromTheSeed(t *testing.T) {
	t.Parallel()
	var all []guard
	for i := range 100 {
		all = append(all, guard{name: strings.Repeat("x", i)})
	}
	names := func(seed uint64) (list []string) {
		for _, g := range sample(all, options{most: 30, seed: seed}) {
			list = append(list, g.name)
		}
		return list
	}
	first := names(1)
	if len(first) != 30 || len(slices.Compact(slices.Sorted(slices.Values(first)))) != 30 {
		t.Errorf("the sample has %d guards, want 30 different ones", len(first))
	}
	if !slices.Equal(first, names(1)) {
		t.Error("the same seed draws another sample")
	}
	if slices.Equal(first, names(2)) {
		t.Error("another seed draws the same sample")
	}
	if n := len(sample(all, options{most: 300})); n != 100 {
		t.Errorf("of 100 guards %d are drawn, want all", n)
	}
}
