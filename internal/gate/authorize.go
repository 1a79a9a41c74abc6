package gate

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/fanout-operator/fanout/internal/expression"
	"github.com/fanout-operator/fanout/internal/problem"
	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// permission is a rule about what callers may do.
type permission struct {
	message string
	program *expression.Program
}

// permissions are the rules that can be looked at before the body has come, and the others.
type permissions struct{ early, late []permission }

func newPermissions(c *expression.Compiler, config *routeconfig.Authorization) (p permissions, err error) {
	if config == nil {
		return p, nil
	}
	for i := range config.Rules {
		program, err := c.Compile(config.Rules[i].Expression, expression.Bool)
		if err != nil {
			return p, fmt.Errorf("compile authorization.rules[%d]: %w", i, err)
		}
		one := permission{config.Rules[i].Message, program}
		if program.ReadsBody() {
			p.late = append(p.late, one)
		} else {
			p.early = append(p.early, one)
		}
	}
	return p, nil
}

// knowCallers compiles who may call, and what.
func (g *Gate) knowCallers(o *Options) (err error) {
	g.proofs = newProofs(o)
	if a := o.Config.Authentication; a != nil {
		g.secrets = a.Queries()
	}
	g.permissions, err = newPermissions(o.Expressions, o.Config.Authorization)
	return err
}

// any reports whether there are some.
func (p *permissions) any() bool { return len(p.early)+len(p.late) > 0 }

// authorizeEarly refuses by the rules that do not read the body, before it is read.
func (g *Gate) authorizeEarly(guest *Guest, a *Admission) *Refusal {
	return authorize(g.permissions.early, guest, a)
}

// authorizeLate refuses by those that do.
func (g *Gate) authorizeLate(guest *Guest, a *Admission) *Refusal {
	return authorize(g.permissions.late, guest, a)
}

// authorize refuses what the first of the rules is not true of. One that cannot be evaluated
// is not true.
func authorize(list []permission, guest *Guest, a *Admission) *Refusal {
	if len(list) == 0 {
		return nil
	}
	return denyAside(list, guest, a)
}

// denyAside is deny where it delays nobody. What it makes is made only where there are rules.
func denyAside(list []permission, guest *Guest, a *Admission) (refusal *Refusal) {
	guest.Memory.DoHeld(looks, func() { refusal = deny(list, guest, a) })
	return refusal
}

func deny(list []permission, guest *Guest, a *Admission) *Refusal {
	for i := range list {
		ctx := guest.Request.Context()
		is, err := list[i].program.Bool(ctx, a.Input)
		switch {
		case is && err == nil:
		case ctx.Err() != nil:
			refusal := forbidden(list[i].message)
			refusal.Gone = true
			return refusal
		case errors.Is(err, expression.ErrMemory):
			return OutOfMemory()
		default:
			return forbidden(list[i].message)
		}
	}
	return nil
}

func forbidden(message string) *Refusal {
	return refuse(problem.Forbidden, http.StatusForbidden, message)
}
