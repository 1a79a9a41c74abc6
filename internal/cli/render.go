package cli

import (
	"fmt"
	"io"
	"reflect"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/desired"
	"github.com/fanout-operator/fanout/internal/routeconfig"
	"github.com/fanout-operator/fanout/internal/schema"
)

func newRender() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render -f PATH",
		Short: "Print what the operator would make of routes",
		Long: "Prints the objects that the operator would apply for each FanoutRoute, its ConfigMap with the document first, as YAML and without a cluster. " +
			"What an operator adds by its flags (such as --deny-cidr, pull secrets, its Lease) is left out.",
		Args: manifestsOnly,
	}
	paths := manifestFlags(cmd)
	options := compile.Options{ListenPort: desired.CallsPort}
	storeFlag(cmd, &options)
	image := cmd.Flags().String("image", "fanout-proxy", "image of the proxies")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		m, err := faultless(cmd, options, *paths)
		if err != nil {
			return err
		}
		writeNotes(cmd.ErrOrStderr(), m)
		for i := range m.routes {
			if err := render(cmd.OutOrStdout(), m.sources[i], &m.routes[i], *image); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// faultless reads manifests. Where something is wrong with them it says what, and the error is
// ErrReported.
func faultless(cmd *cobra.Command, options compile.Options, paths []string) (*manifests, error) {
	s, err := schema.New()
	if err != nil {
		return nil, err
	}
	m := readManifests(s, options, cmd.InOrStdin(), paths)
	if len(m.faults) == 0 {
		return m, nil
	}
	if err := writeFaults(cmd.ErrOrStderr(), "text", m); err != nil {
		return nil, err
	}
	return nil, ErrReported
}

// render writes the children of one route.
func render(out io.Writer, route *v1alpha1.FanoutRoute, compiled *routeconfig.Route, image string) error {
	children, err := childrenOf(route, compiled, image)
	if err != nil {
		return err
	}
	for _, object := range []any{
		children.ConfigMap, children.Deployment, children.Service, children.DisruptionBudget, children.Autoscaler, children.NetworkPolicy,
	} {
		if reflect.ValueOf(object).IsNil() {
			continue
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("write children of %s/%s: %w", route.Namespace, route.Name, err)
		}
		if _, err := fmt.Fprintf(out, "---\n%s", text); err != nil {
			return fmt.Errorf("write children of %s/%s: %w", route.Namespace, route.Name, err)
		}
	}
	return nil
}

// childrenOf makes what an operator with an image, and no flags beside, would.
func childrenOf(route *v1alpha1.FanoutRoute, compiled *routeconfig.Route, image string) (desired.Children, error) {
	document, err := routeconfig.Encode(&routeconfig.Document{Routes: []routeconfig.Route{*compiled}})
	if err != nil {
		return desired.Children{}, fmt.Errorf("encode document of %s/%s: %w", route.Namespace, route.Name, err)
	}
	children, err := desired.Build(desired.Input{
		Route: route, Compiled: compiled, Document: document, Options: desired.Options{Image: image},
	})
	if err != nil {
		return children, fmt.Errorf("render %s/%s: %w", route.Namespace, route.Name, err)
	}
	return children, nil
}
