package stats

import "time"

// Standing is what of a window says how a backend is doing.
type Standing struct {
	// Asked are the answers that succeeded, failed or were canceled, Heard those that succeeded
	// or failed. Faulty and Late are those of Answers.
	Asked  uint64 `json:"asked"`
	Heard  uint64 `json:"heard"`
	Faulty uint64 `json:"faulty"`
	Late   uint64 `json:"late"`
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
	Last15s Standing `json:"15s"`
	Last25s Standing `json:"25s"`
	Last1m  Standing `json:"1m"`
	Last5m  Standing `json:"5m"`
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
	return Standings{Last1m: b.Windows[Window1m].Answers.standing(), Last5m: b.Windows[Window5m].Answers.standing()}
}

func (a Answers) standing() Standing {
	heard := a.Succeeded + a.FailedTotal()
	return Standing{Asked: heard + a.Canceled, Heard: heard, Faulty: a.Faulty, Late: a.Late}
}

// standings sums up the newest slots.
func (s *series) standings(now time.Time) Standings {
	narrow, five := windows()[oneMinute].slot, windows()[fiveMinutes].slot
	current := Spans(s.started, now, narrow)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Standings{
		Last15s: s.narrow.standing(current, 1, slots15s), Last25s: s.narrow.standing(current, 1, slots25s),
		Last1m: s.narrow.standing(current, 1, slots), Last5m: s.narrow.standing(Spans(s.started, now, five), each(fiveMinutes), slots),
	}
	out.Last5m.Add(s.wider[fiveMinutes-1].standing(Spans(s.started, now, five), 1, slots))
	return out
}

// standing sums up the newest n slots up to the current one, each of which is so many of this
// ring.
func (r *ring) standing(current, each, n int64) (total Standing) {
	for i := range r {
		if s := r[i].Load(); s != nil && s.number/each <= current && s.number/each > current-n {
			total.Add(s.standing())
		}
	}
	return total
}

func (s *slot) standing() Standing {
	n := func(counter int) uint64 { return uint64(s.counts[counter].Load()) }
	heard := n(countSucceeded)
	for counter := countReasons; counter < counters; counter++ {
		if !rejects(counter) {
			heard += n(counter)
		}
	}
	return Standing{Asked: heard + n(countCanceled), Heard: heard, Faulty: n(countFaulty), Late: n(countLate)}
}
