package cli

import (
	"context"
	"fmt"

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
		return nil, unserved(only)
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
	for i := range report.Routes {
		if r := &report.Routes[i]; has(w, r.Namespace, r.Name) {
			return survey.Standalone(a.admin, report, r), nil
		}
	}
	return nil, unserved(name)
}

// has reports whether a route is wanted.
func has(w survey.Wanted, namespace, name string) bool {
	return (w.Namespace == "" || w.Namespace == namespace) && (w.Name == "" || w.Name == name)
}

func unserved(name string) error { return fmt.Errorf("no proxy serves a route %q", name) }

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
