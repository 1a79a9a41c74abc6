package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// noArguments refuses what a command has no use for. Cobra's own takes it for a command that
// there is not.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument, and was given %q: see %[1]s --help", cmd.CommandPath(), args[0])
	}
	return nil
}

// manifestsOnly asks for -f, and says so to those who name a file without it.
func manifestsOnly(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("%s takes no argument: name manifests by -f %s", cmd.CommandPath(), args[0])
	case !cmd.Flags().Changed("filename"):
		return errors.New("no manifests are named: name a file, a folder or - (standard input) by -f")
	}
	return nil
}

// oneRoute asks for the name of a route. An empty one, as of a variable that is not set, would
// stand for any.
func oneRoute(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "":
		return errNoName
	case len(args) != 1:
		return fmt.Errorf("name one route, as NAME or NAMESPACE/NAME, not %d: fanoutctl get lists them", len(args))
	}
	return nil
}

var errNoName = errors.New("name a route, as NAME or NAMESPACE/NAME: fanoutctl get lists them")

// oneRouteOrAll refuses a second name.
func oneRouteOrAll(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return oneRoute(cmd, args)
}
