package creds

import (
	"testing"
	"time"
)

// A chain is no good once one of it has ended. An authority that has ended is of no use to anybody, and
// no reason to act while there is another one.
func TestEndsOfCertificates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := func(hours ...int) (list []time.Time) {
		for _, h := range hours {
			list = append(list, now.Add(time.Duration(h)*time.Hour))
		}
		return list
	}
	for name, row := range map[string]struct {
		of   ends
		want int
	}{
		"a chain":                      {ends{list: at(9, 5)}, 5},
		"a chain with an end":          {ends{list: at(9, -5)}, -5},
		"authorities":                  {ends{at(9, 5), true}, 5},
		"authorities, one has ended":   {ends{at(9, -5), true}, 9},
		"authorities, all have ended":  {ends{at(-9, -5), true}, -5},
		"authorities, one ends at now": {ends{at(0, 7), true}, 7},
	} {
		if got := row.of.of(now); !got.Equal(now.Add(time.Duration(row.want) * time.Hour)) {
			t.Errorf("%s: %v, want %d hours from %v", name, got, row.want, now)
		}
	}
	if got := endsOf(&Snapshot{}).of(now); !got.IsZero() {
		t.Errorf("what has no certificate ends at %v", got)
	}
}

// Each problem has one word.
func TestKindsOfProblems(t *testing.T) {
	t.Parallel()
	for want, p := range map[Kind]*Problem{
		NoProblem: nil,
		Absent:    {},
		KeyAbsent: {Keys: []string{"k"}},
		Unfit:     {Keys: []string{"k"}, Message: "is no key"},
	} {
		if got := p.kind(); got != want {
			t.Errorf("%+v is %q, want %q", p, got, want)
		}
	}
}
