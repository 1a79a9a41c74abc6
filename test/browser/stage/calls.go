package stage

import (
	"context"

	"github.com/fanout-operator/fanout/internal/calls"
	"github.com/fanout-operator/fanout/internal/dashboard"
)

// Calls implements dashboard.Source: the same calls each time, the youngest first. The first of
// them has a retry and a hedge; one waited, one met an open circuit, and one canceled a backend.
func (s *Source) Calls(context.Context, string, string, string) (*dashboard.Calls, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent != nil {
		return nil, s.silent
	}
	all := &dashboard.Calls{Cursor: "c", Proxies: 2, Backends: []calls.Backend{
		{Name: "inventory", Circuit: "closed", Busy: 3, Slots: 64, Places: 128}, {Name: "billing", Circuit: "open"}, {Name: "search-eu", Tokens: 131.4, Burst: 200},
	}}
	for i := range 18 {
		c := dashboard.Call{Call: callOf(i), Proxy: []string{"orders-7c9f8d-abk4q", "orders-7c9f8d-x2mm7"}[i%2]}
		all.Calls = append(all.Calls, c)
	}
	return all, nil
}

func attempt(kind string, begun, ended calls.MS, fate string, status int, reason string) calls.Attempt {
	a := calls.Attempt{Kind: kind, Begun: begun, Connected: begun + 1.4, Ended: ended, Fate: fate, Status: status, Reason: reason}
	if status != 0 {
		a.Head = ended - 2.5
	}
	return a
}

func lane(name string, ended calls.MS, attempts ...calls.Attempt) calls.Lane {
	return calls.Lane{Backend: name, Reserved: 0.3, Asked: 0.5, Attempts: attempts, Ended: ended, Outcome: "succeeded", Status: 200}
}

func callOf(i int) calls.Call {
	late := calls.MS(i * 7 % 11)
	c := calls.Call{
		ID: uint64(100 - i), AgeMS: float64(300 + 640*i), Method: "POST", Rule: "PathPrefix /orders", Dispatched: 0.2, Outcome: "complete", Status: 200, //nolint:gosec // small
		Decided: calls.Decision{At: 96 + late, Decider: "answer", Backend: "search-eu"}, Responded: 97.2 + late, Ended: 97.2 + late,
		Lanes: []calls.Lane{
			lane("inventory", 22+late, attempt("first", 0.6, 22+late, "won", 200, "")),
			lane("billing", 71+late, attempt("first", 0.6, 31, "failed", 503, "status"), attempt("retry", 44, 71+late, "won", 200, "")),
			lane("search-eu", 96+late, attempt("first", 0.7, 96+late, "lost", 0, ""), attempt("hedge", 60, 96+late, "won", 200, "")),
		},
	}
	switch i % 5 {
	case 1:
		shadow := lane("candidate", 58+late, attempt("first", 0.8, 58+late, "won", 200, ""))
		shadow.Shadow, shadow.Compared = true, "body"
		c.Lanes = append(c.Lanes, shadow)
	case 2:
		c.Lanes[0] = lane("inventory", 61+late, attempt("first", 38, 61+late, "won", 200, ""))
		c.Lanes[0].Queued = &calls.Span{From: 0.6, To: 38}
	case 3:
		c.Lanes[1] = calls.Lane{Backend: "billing", Ended: 0.4, Outcome: "rejected", Reason: "circuitOpen"}
		c.Outcome, c.Status = "partial", 207
	case 4:
		c.Lanes[2] = lane("search-eu", 71+late, attempt("first", 0.7, 71+late, "canceled", 0, ""))
		c.Lanes[2].Outcome, c.Lanes[2].Status = "canceled", 0
		c.Decided, c.Responded, c.Ended = calls.Decision{At: 71 + late, Decider: "answer", Backend: "billing"}, 72+late, 72+late
	}
	return c
}
