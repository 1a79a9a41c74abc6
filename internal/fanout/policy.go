package fanout

// PolicyType names a success policy.
type PolicyType uint8

// The success policies.
const (
	All PolicyType = iota
	Any
	Quorum
	Required
	BestEffort
)

// Policy says what makes a call a success. It counts every backend that was not
// skipped.
type Policy struct {
	Type PolicyType
	// Quorum is the number of successes asked for by Quorum.
	Quorum int
	// Required marks, by index, the backends that must succeed whatever the type:
	// those of Required, and the primary.
	Required []bool
	// Patient makes a policy that is met wait for the answers still missing, as
	// Required does where the response is made of all of them.
	Patient bool
}

// verdict is what a policy says of the answers so far.
type verdict uint8

const (
	undecided verdict = iota
	met
	unmet
)

// tally counts answers by what they mean to a policy.
type tally struct {
	pending, succeeded, failed                  int
	requiredPending, requiredFailed, impossible bool
}

func (p *Policy) count(answers []Answer) tally {
	var t tally
	for i := range answers {
		required := p.Required != nil && p.Required[i]
		switch answers[i].Outcome {
		case Pending:
			t.pending++
			t.requiredPending = t.requiredPending || required
		case Succeeded:
			t.succeeded++
		case Failed, Rejected, Canceled:
			t.failed++
			t.requiredFailed = t.requiredFailed || required
		case Skipped:
		}
	}
	t.impossible = t.pending+t.succeeded == 0 || t.requiredFailed
	return t
}

// decide judges the answers so far. Pending ones may still become anything.
func (p *Policy) decide(answers []Answer) verdict {
	t := p.count(answers)
	v := p.judge(&t)
	if v == met && t.requiredPending {
		return undecided
	}
	if v == met && p.Patient && t.pending > 0 {
		return undecided
	}
	return v
}

func (p *Policy) judge(t *tally) verdict {
	if t.impossible {
		return unmet
	}
	switch p.Type {
	case Any:
		return metIf(t.succeeded >= 1)
	case Quorum:
		if t.succeeded+t.pending < p.Quorum {
			return unmet
		}
		return metIf(t.succeeded >= p.Quorum)
	case Required:
		return metIf(!t.requiredPending && t.succeeded >= 1) // those required may be skipped
	case BestEffort:
		return metIf(t.pending == 0 && t.succeeded >= 1)
	case All:
	}
	if t.failed > 0 {
		return unmet
	}
	return metIf(t.pending == 0)
}

func metIf(condition bool) verdict {
	if condition {
		return met
	}
	return undecided
}
