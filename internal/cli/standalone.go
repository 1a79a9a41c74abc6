package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/fanout-operator/fanout/internal/dashboard"
	"github.com/fanout-operator/fanout/internal/stats"
	"github.com/fanout-operator/fanout/internal/survey"
)

// standaloneRows are the routes of a standalone proxy, as the page has them.
func (a *access) standaloneRows(ctx context.Context, only string) ([]survey.Row, error) {
	w, err := a.wanted(only)
	if err != nil {
		return nil, err
	}
	all, err := dashboard.Proxy{Admin: a.admin}.Overview(ctx)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	rows := []survey.Row{}
	for i := range all.Routes {
		if r := &all.Routes[i]; has(w, r.Namespace, r.Name) {
			rows = append(rows, survey.Row{
				Namespace: r.Namespace, Name: r.Name, Ready: r.Ready, Reason: r.Reason, Message: r.Message, Backends: r.Backends, Success: r.Success, P99: r.P99, Rate: r.Rate,
			})
		}
	}
	if len(rows) == 0 && only != "" {
		served := make([]string, len(all.Routes))
		for i := range all.Routes {
			served[i] = all.Routes[i].Namespace + "/" + all.Routes[i].Name
		}
		return nil, elsewhere(only, a.admin, served)
	}
	return rows, nil
}

// standaloneWalk is a route of a standalone proxy.
func (a *access) standaloneWalk(ctx context.Context, name string) (*survey.Walked, error) {
	w, err := a.wanted(name)
	if err != nil {
		return nil, err
	}
	report, err := dashboard.Proxy{Admin: a.admin}.Report(ctx)
	if err != nil {
		return nil, err
	}
	var found *stats.RouteReport
	served := []string{}
	for i := range report.Routes {
		r := &report.Routes[i]
		served = append(served, r.Namespace+"/"+r.Name)
		if !has(w, r.Namespace, r.Name) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("routes of several namespaces are named %q, such as %s/%s and %s/%s: name one of them so", name, found.Namespace, found.Name, r.Namespace, r.Name)
		}
		found = r
	}
	if found == nil {
		return nil, elsewhere(name, a.admin, served)
	}
	return survey.Standalone(a.admin, report, found), nil
}

// has reports whether a route is wanted.
func has(w survey.Wanted, namespace, name string) bool {
	return (w.Namespace == "" || w.Namespace == namespace) && (w.Name == "" || w.Name == name)
}

// unserved says that nobody serves a route, and what else there is to say.
func unserved(name, more string) error { return fmt.Errorf("no proxy serves a route %q%s", name, more) }

// maxServed bounds how many routes an error names.
const maxServed = 8

// elsewhere says what a standalone proxy serves instead of what it was asked for.
func elsewhere(name, admin string, served []string) error {
	more := ""
	if n := len(served) - maxServed; n > 0 {
		served, more = served[:maxServed], fmt.Sprintf(" and %d more", n)
	}
	return unserved(name, fmt.Sprintf(": that at %s serves %s%s", admin, cmp.Or(strings.Join(served, ", "), "none"), more))
}

// proxyRoutes are what is wanted of a standalone proxy.
func proxyRoutes(ctx context.Context, admin string, w survey.Wanted) ([]stats.RouteReport, error) {
	report, err := dashboard.Proxy{Admin: admin}.Report(ctx)
	if err != nil {
		return nil, err
	}
	var out []stats.RouteReport
	for i := range report.Routes {
		if r := &report.Routes[i]; has(w, r.Namespace, r.Name) {
			out = append(out, *r)
		}
	}
	return out, nil
}
