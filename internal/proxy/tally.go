package proxy

import (
	"time"

	"github.com/fanout-operator/fanout/internal/stats"
)

// tallied is a rule of a route's validation, and how many calls it refused, or would have.
type tallied struct {
	rule string
	*stats.Tally
}

// What becomes of calls that a rule does not admit.
const (
	modeEnforce = "Enforce"
	modeReport  = "Report"
)

// mode is that of the route's validation.
func (r *route) mode() string { return modeOf(r.config.Validation.Report) }

// modeOf is a mode as the API spells it.
func modeOf(report bool) string {
	if report {
		return modeReport
	}
	return modeEnforce
}

// tally counts by rule and mode, for as long as the route has both; nil where there is
// nothing to count.
func (c *compiler) tally(r *route) func(rule string) {
	for _, name := range r.config.Validation.RuleNames() {
		t := keep(c.old.tallies, c.fresh.tallies, r.id+"\n"+r.mode()+"\n"+name, func() *stats.Tally { return stats.NewTally(c.now) })
		r.rules = append(r.rules, tallied{name, t})
	}
	if len(r.rules) == 0 {
		return nil
	}
	return func(rule string) {
		for i := range r.rules {
			if r.rules[i].rule == rule {
				r.rules[i].Add(time.Now())
			}
		}
	}
}

// reported are the rules that would have refused calls.
func (r *route) reported(now time.Time) (list []stats.RuleReport) {
	if r.mode() != modeReport {
		return nil
	}
	for i := range r.rules {
		if of := r.rules[i].Report(now, r.rules[i].rule); of.Count > 0 {
			list = append(list, of)
		}
	}
	return list
}

func (m metrics) rules(r *route) {
	for i := range r.rules {
		m.Counter("fanout_validation_faults_total", "Calls that a rule refused, or would have refused.", r.rules[i].Total(),
			"rule", r.rules[i].rule, "mode", r.mode())
	}
}
