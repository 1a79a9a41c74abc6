package stats

import "time"

// Standing is what of a window says how a backend is doing.
type Standing struct {
	// Asked are the answers that succeeded, failed or were canceled, Heard those that succeeded
	// or failed. Faulty and Late are those of Answers.
	Asked  uint64 `json:"asked,omitzero"`
	Heard  uint64 `json:"heard,omitzero"`
	Faulty uint64 `json:"faulty,omitzero"`
	Late   uint64 `json:"late,omitzero"`
}

// Add adds another proxy's.
func (s *Standing) Add(other Standing) {
	s.Asked += other.Asked
	s.Heard += other.Heard
	s.Faulty += other.Faulty
	s.Late += other.Late
}

func (s Standing) bounded() Standing {
	return Standing{min(s.Asked, maxCount), min(s.Heard, maxCount), min(s.Faulty, maxCount), min(s.Late, maxCount)}
}

// Standings are those of the windows that a state is judged by, the shortest first: what has
// just begun, or is over, stands out in the short ones, and what is seldom asked is known by
// the long ones alone. As every window they include the slot that is not over, so the first
// covers 10 to 15 s and the second 20 to 25 s.
type Standings struct {
	Last15s Standing `json:"15s,omitzero"`
	Last25s Standing `json:"25s,omitzero"`
	Last1m  Standing `json:"1m,omitzero"`
	Last5m  Standing `json:"5m,omitzero"`
}

// The slots of five seconds that the short windows have.
const (
	slots15s = 3
	slots25s = 5
)

// Add adds another proxy's.
func (s *Standings) Add(other Standings) {
	s.Last15s.Add(other.Last15s)
	s.Last25s.Add(other.Last25s)
	s.Last1m.Add(other.Last1m)
	s.Last5m.Add(other.Last5m)
}

func (s *Standings) bounded() Standings {
	return Standings{s.Last15s.bounded(), s.Last25s.bounded(), s.Last1m.bounded(), s.Last5m.bounded()}
}

// Standings are those of the report. A proxy that is older than they are says its windows
// alone, of which there are two.
func (b *BackendReport) Standings() Standings {
	if b.Standing != (Standings{}) {
		return b.Standing
	}
	return Standings{Last1m: b.Windows.Of(Window1m).Answers.standing(), Last5m: b.Windows.Of(Window5m).Answers.standing()}
}

func (a Answers) standing() Standing {
	heard := a.Succeeded + a.FailedTotal()
	return Standing{Asked: heard + a.Canceled, Heard: heard, Faulty: a.Faulty, Late: a.Late}
}

// standings sums up the newest slots.
func (s *series) standings(now time.Time) Standings {
	narrow, five := windows()[oneMinute].slot, windows()[fiveMinutes].slot
	current, currentFive := Spans(s.started, now, narrow), Spans(s.started, now, five)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Standings{
		Last15s: s.standing(current, 1, slots15s), Last25s: s.standing(current, 1, slots25s),
		Last1m: s.standing(current, 1, slots), Last5m: s.standing(currentFive, each(fiveMinutes), slots),
	}
	wider := tally{}
	for i := range s.wider[fiveMinutes-1] {
		if of := &s.wider[fiveMinutes-1][i]; of.number <= currentFive && of.number > currentFive-slots {
			wider.add(of.cells)
		}
	}
	out.Last5m.Add(wider.standing())
	return out
}

// standing sums up the newest n narrow slots up to the current one, each of which is so many
// of them.
func (s *series) standing(current, each, n int64) Standing {
	total := tally{}
	within := func(number int64) bool { return number/each <= current && number/each > current-n }
	for i := range s.narrow {
		if of := &s.narrow[i]; within(of.number) {
			total.add(of.cells)
		}
	}
	if within(s.open.number.Load()) {
		total.addOpen(&s.open)
	}
	return total.standing()
}

func (t *tally) standing() Standing {
	heard := t[countSucceeded]
	for counter := countReasons; counter < counters; counter++ {
		if !rejects(counter) {
			heard += t[counter]
		}
	}
	return Standing{Asked: heard + t[countCanceled], Heard: heard, Faulty: t[countFaulty], Late: t[countLate]}
}
