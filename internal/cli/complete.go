package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completeTimeout bounds how long a shell waits for names.
const completeTimeout = 3 * time.Second

// complete has a command complete the names of routes from the cluster, or from a standalone
// proxy. Without one, or without the rights, there are none.
func (a *access) complete(cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		defer cancel()
		return a.names(ctx, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *access) names(ctx context.Context, prefix string) (names []string) {
	of := *a
	if namespace, _, both := strings.Cut(prefix, "/"); both && a.namespace == "" {
		of.namespace, of.everywhere = namespace, false
	}
	routes, err := of.rows(ctx, "")
	if err != nil {
		return nil
	}
	for i := range routes {
		name := routes[i].Name
		if strings.Contains(prefix, "/") || a.everywhere {
			name = routes[i].Namespace + "/" + name
		}
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}
