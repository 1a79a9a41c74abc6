package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/survey"
)

func newDiff() *cobra.Command {
	a := &access{}
	cmd := &cobra.Command{
		Use:   "diff -f PATH",
		Short: "Say what an apply of routes would change",
		Long: "Compares FanoutRoutes with those of the cluster, by what proxies would do: field by field of the document, backend by backend, and whether Pods would roll. " +
			"What an operator adds by its flags is left out on both sides. As kubectl diff, it ends with 1 where something would change.",
		Args: manifestsOnly,
	}
	a.bind(cmd)
	paths := manifestFlags(cmd)
	options := compile.Options{ListenPort: desired.CallsPort}
	storeFlag(cmd, &options)
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := textOrJSON(*output); err != nil {
			return err
		}
		m, err := faultless(cmd, options, *paths)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
		defer cancel()
		c, err := a.required()
		if err != nil {
			return err
		}
		edits := []edit{}
		for i := range m.routes {
			e, err := c.edit(ctx, m.sources[i], &m.routes[i], options)
			if err != nil {
				return err
			}
			edits = append(edits, e)
		}
		return writeEdits(cmd.OutOrStdout(), *output, edits)
	}
	return cmd
}

// edit is what an apply would do to a route.
type edit struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Created   bool     `json:"created,omitempty"`
	Rolls     bool     `json:"rolls"`
	Changes   []change `json:"changes"`
}

// change is one field of the document. Backend is empty for what is the route's own.
type change struct {
	Backend string `json:"backend,omitempty"`
	Field   string `json:"field"`
	// Before and After are JSON; empty where the field is absent.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

func (c *cluster) edit(ctx context.Context, route *v1alpha1.FanoutRoute, compiled *routeconfig.Route, options compile.Options) (edit, error) {
	e := edit{Namespace: route.Namespace, Name: route.Name, Changes: []change{}}
	live := &v1alpha1.FanoutRoute{}
	err := c.objects.Get(ctx, client.ObjectKeyFromObject(route), live)
	if apierrors.IsNotFound(err) {
		e.Created = true
		return e, nil
	}
	if err != nil {
		return e, survey.Explained(err, fmt.Sprintf("get route %s/%s", route.Namespace, route.Name))
	}
	before, errs := compile.Route(live, options)
	if err := errs.ToAggregate(); err != nil {
		return e, fmt.Errorf("the route %s/%s of the cluster is not accepted, so nothing can be said of the edit: %w", route.Namespace, route.Name, err)
	}
	if e.Changes, err = changes(before, compiled); err != nil {
		return e, err
	}
	e.Rolls, err = rolls(live, before, route, compiled)
	return e, err
}

// rolls reports whether the Pods' template would differ. A change of mode makes it anew.
func rolls(live *v1alpha1.FanoutRoute, before *routeconfig.Route, route *v1alpha1.FanoutRoute, after *routeconfig.Route) (bool, error) {
	old, err := childrenOf(live, before, "image")
	if err != nil {
		return false, err
	}
	fresh, err := childrenOf(route, after, "image")
	if err != nil {
		return false, err
	}
	if old.Deployment == nil || fresh.Deployment == nil {
		return (old.Deployment == nil) != (fresh.Deployment == nil), nil
	}
	return !reflect.DeepEqual(old.Deployment.Spec.Template, fresh.Deployment.Spec.Template), nil
}

// changes are the fields of the document that differ, those of the route first, then those of
// its backends and shadows in the order of their names.
func changes(before, after *routeconfig.Route) ([]change, error) {
	old, err := generic(before)
	if err != nil {
		return nil, err
	}
	fresh, err := generic(after)
	if err != nil {
		return nil, err
	}
	list := []change{}
	for _, of := range []string{"backends", "shadows"} {
		was, is := named(old[of]), named(fresh[of])
		old[of+".order"], fresh[of+".order"] = order(old[of]), order(fresh[of])
		delete(old, of)
		delete(fresh, of)
		for _, name := range slices.Sorted(maps.Keys(union(was, is))) {
			compare(name, "", was[name], is[name], &list)
		}
	}
	own := []change{}
	compare("", "", any(old), any(fresh), &own)
	return append(own, list...), nil
}

// generic is a route as JSON has it.
func generic(route *routeconfig.Route) (map[string]any, error) {
	encoded, err := json.Marshal(route)
	if err != nil {
		return nil, fmt.Errorf("compare documents: %w", err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(encoded, &out); err != nil {
		return nil, fmt.Errorf("compare documents: %w", err)
	}
	return out, nil
}

// order is that of the names in a list: it is that of the members of a response.
func order(list any) any {
	items, _ := list.([]any)
	names := []any{}
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			names = append(names, object["name"])
		}
	}
	return names
}

// named are the members of a list of objects that have names.
func named(list any) map[string]any {
	items, _ := list.([]any)
	out := map[string]any{}
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			name, _ := object["name"].(string)
			out[name] = object
		}
	}
	return out
}

func union[T any](a, b map[string]T) map[string]T {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// compare goes down as long as there are objects on both sides.
func compare(backend, field string, before, after any, list *[]change) {
	old, isObject := before.(map[string]any)
	fresh, both := after.(map[string]any)
	if !isObject || !both {
		if !reflect.DeepEqual(before, after) {
			*list = append(*list, change{backend, field, text(before), text(after)})
		}
		return
	}
	for _, key := range slices.Sorted(maps.Keys(union(old, fresh))) {
		below := key
		if field != "" {
			below = field + "." + key
		}
		compare(backend, below, old[key], fresh[key], list)
	}
}

func text(value any) string {
	if value == nil {
		return ""
	}
	encoded, _ := json.Marshal(value) // it was JSON before
	return string(encoded)
}
