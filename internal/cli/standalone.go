package cli

import (
	"context"
	"fmt"
	"net/url"
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
	proxy, err := standaloneAt(a.admin)
	if err != nil {
		return nil, err
	}
	all, err := proxy.Overview(ctx)
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
	proxy, err := standaloneAt(a.admin)
	if err != nil {
		return nil, err
	}
	report, err := proxy.Report(ctx)
	if err != nil {
		return nil, err
	}
	var found *stats.RouteReport
	for i := range report.Routes {
		r := &report.Routes[i]
		if !has(w, r.Namespace, r.Name) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("routes of several namespaces are named %q, such as %s/%s and %s/%s: name one of them so", name, found.Namespace, found.Name, r.Namespace, r.Name)
		}
		found = r
	}
	if found == nil {
		return nil, unserved(name)
	}
	return survey.Standalone(a.admin, report, found), nil
}

// standaloneAt is the proxy with an admin port at a URL.
func standaloneAt(admin string) (dashboard.Proxy, error) {
	return dashboard.Proxy{Admin: admin}, checkURL("--admin", admin)
}

// checkURL refuses what is none, such as an address without http://.
func checkURL(flag, text string) error {
	to, err := url.Parse(text)
	if err == nil && (to.Scheme == "http" || to.Scheme == "https") && to.Host != "" {
		return nil
	}
	fix := "http://HOST:PORT"
	if !strings.Contains(text, "://") {
		if to, err := url.Parse("http://" + text); err == nil && to.Host != "" {
			fix = "http://" + text
		}
	}
	return fmt.Errorf("%s %q is no URL: write %s", flag, text, fix)
}

// has reports whether a route is wanted.
func has(w survey.Wanted, namespace, name string) bool {
	return (w.Namespace == "" || w.Namespace == namespace) && (w.Name == "" || w.Name == name)
}

func unserved(name string) error { return fmt.Errorf("no proxy serves a route %q", name) }

// proxyRoutes are what is wanted of a standalone proxy.
func proxyRoutes(ctx context.Context, admin string, w survey.Wanted) ([]stats.RouteReport, error) {
	proxy, err := standaloneAt(admin)
	if err != nil {
		return nil, err
	}
	report, err := proxy.Report(ctx)
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
