package gate

import (
	"fmt"
	"net/http"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// rule is a condition on calls.
type rule struct {
	config  *routeconfig.Rule
	program *expression.Program
}

func newRules(c *expression.Compiler, list []routeconfig.Rule) ([]rule, error) {
	var rules []rule
	for i := range list {
		program, err := c.Compile(list[i].Expression, expression.Bool)
		if err != nil {
			return nil, fmt.Errorf("compile rule %q: %w", list[i].Name, err)
		}
		rules = append(rules, rule{&list[i], program})
	}
	return rules, nil
}

// looks is how many times an expression may well look at a call: one that matches patterns
// takes a millisecond for 10 KiB.
const looks = 2

// checkRules refuses a call that does not meet all rules, with all that it does not. One
// that cannot be evaluated, since what it reads is not there or it costs too much, is not
// met.
func (g *Gate) checkRules(guest *Guest, a *Admission) (unmet *Refusal) {
	guest.Memory.DoHeld(looks, func() { unmet = g.unmet(guest, a) })
	return unmet
}

func (g *Gate) unmet(guest *Guest, a *Admission) *Refusal {
	var unmet *Refusal
	for i := range g.rules {
		r := &g.rules[i]
		if met, err := r.program.Bool(guest.Request.Context(), a.Input); met && err == nil {
			continue
		}
		if refusal := g.judged(r.config.Name, notMet(r.config)); refusal != nil && unmet == nil {
			unmet = refusal
		} else if refusal != nil {
			unmet.Errors = append(unmet.Errors, refusal.Errors...)
		}
	}
	return unmet
}

func notMet(r *routeconfig.Rule) *Refusal {
	refusal := refuse(problem.InvalidBody, http.StatusUnprocessableEntity, "the call does not meet validation.rules of the route")
	refusal.Errors = []problem.Error{{Rule: r.Name, Message: r.Message}}
	return refusal
}

// judged counts what a rule refuses, or would refuse where the route only reports; then it
// is no refusal.
func (g *Gate) judged(rule string, refusal *Refusal) *Refusal {
	if refusal == nil {
		return nil
	}
	if g.tally != nil && refusal.Status != http.StatusServiceUnavailable { // which is of calls that nobody judged
		g.tally(rule)
	}
	if g.reports {
		return nil
	}
	return refusal
}
