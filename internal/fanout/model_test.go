package fanout_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanout-operator/fanout/internal/fanout"
)

// model decides a call as slowly and plainly as can be: it looks at the answers in
// the order of their arrival, and asks of every completion of the rest whether the
// policy would be met.
func model(p fanout.Policy, backends []*scripted, timeout time.Duration) (after time.Duration, isMet bool) {
	answers := make([]fanout.Outcome, len(backends))
	var arrivals []int
	for i, b := range backends {
		if b.refuses {
			answers[i] = b.answer.Outcome
		} else {
			arrivals = append(arrivals, i)
		}
	}
	slices.SortStableFunc(arrivals, func(a, b int) int { return cmp.Compare(backends[a].after, backends[b].after) })
	if certain(p, answers) == no {
		return 0, false
	}
	for _, i := range arrivals {
		if backends[i].after >= timeout {
			break
		}
		after, answers[i] = backends[i].after, backends[i].answer.Outcome
		if v := certain(p, answers); v != open {
			return after, v == yes
		}
	}
	for i := range answers {
		if answers[i] == pending {
			answers[i] = failed
		}
	}
	return timeout, satisfied(p, answers)
}

type answer int

const (
	open answer = iota
	yes
	no
)

// certain tries success and failure for whatever is pending.
func certain(p fanout.Policy, answers []fanout.Outcome) answer {
	waits := p.Type == fanout.BestEffort || p.Patient
	var pendings []int
	for i, o := range answers {
		if o == pending {
			pendings = append(pendings, i)
		}
	}
	always, never := true, true
	for mask := range 1 << len(pendings) {
		trial := slices.Clone(answers)
		for bit, i := range pendings {
			trial[i] = failed
			if mask>>bit&1 == 1 {
				trial[i] = succeeded
			}
		}
		if satisfied(p, trial) {
			never = false
		} else {
			always = false
		}
	}
	switch {
	case never:
		return no
	case always && (!waits || len(pendings) == 0):
		return yes
	}
	return open
}

func satisfied(p fanout.Policy, answers []fanout.Outcome) bool {
	n, counted := 0, 0
	for i, o := range answers {
		if o == skipped {
			continue
		}
		counted++
		if o == succeeded {
			n++
		} else if p.Required != nil && p.Required[i] {
			return false
		}
	}
	switch p.Type {
	case fanout.All:
		return n == counted && n > 0
	case fanout.Quorum:
		return n >= p.Quorum
	default:
		return n >= 1
	}
}

func randomPolicy(r *rand.Rand, n int) fanout.Policy {
	p := fanout.Policy{Type: fanout.PolicyType(r.IntN(5)), Quorum: 1 + r.IntN(n)}
	if p.Type == fanout.Required || r.IntN(4) == 0 && p.Type != fanout.Any {
		p.Required = make([]bool, n)
		p.Required[r.IntN(n)] = true
	}
	p.Patient = p.Type == fanout.Required && r.IntN(2) == 0
	return p
}

// Distinct delays, so that the order of arrival is one.
func randomBackends(r *rand.Rand) []*scripted {
	backends := make([]*scripted, 1+r.IntN(6))
	delays := r.Perm(40)
	for i := range backends {
		switch after := time.Duration(1+delays[i]) * ms; r.IntN(10) {
		case 0:
			backends[i] = refuses(fanout.RateLimited)
			backends[i].late = r.IntN(2) == 0
		case 9:
			backends[i] = &scripted{refuses: true, answer: fanout.Answer{Outcome: skipped}}
		case 1, 2, 3:
			backends[i] = replies(after, 500)
		default:
			backends[i] = succeeds(after)
		}
	}
	return backends
}

// Whatever the policy and the order, the dispatcher decides what the model says,
// and in the instant in which it can first be known.
func TestDecisionsFollowTheModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 1))
	trials := 100_000
	if testing.Short() {
		trials = 25_000
	}
	for trial := range trials {
		synctest.Test(t, func(t *testing.T) {
			backends := randomBackends(r)
			p := randomPolicy(r, len(backends))
			timeout := time.Duration(r.IntN(45))*ms + ms/2
			d, seen := newDispatcher(fanout.Options{Policy: p, Timeout: timeout, Stragglers: fanout.Stragglers(1 + r.IntN(2)), Shares: true}, backends...)
			start := time.Now()
			result, err := d.Dispatch(t.Context(), post)
			if err != nil {
				t.Fatal(err)
			}
			after := time.Since(start)
			wantAfter, wantMet := model(p, backends, timeout)
			if after != wantAfter || (result.Outcome == fanout.Unmet) == wantMet {
				t.Fatalf("trial %d: %+v over %v within %v: %v after %v, want met=%v after %v",
					trial, p, describe(backends), timeout, result.Outcome, after, wantMet, wantAfter)
			}
			d.Drain()
			seen.outcomes(t, len(backends)) // each exactly once
		})
	}
}

func describe(backends []*scripted) (out []string) {
	for _, b := range backends {
		out = append(out, b.answer.Outcome.String()+" "+b.after.String())
	}
	return out
}
