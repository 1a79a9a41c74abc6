package cli

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/api/v1alpha1"
	"github.com/fanout-operator/fanout/internal/build"
)

// program is which fanoutctl this is.
type program struct {
	build.Info

	// API is what lint checks and run serves.
	API      string `json:"api"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which fanoutctl this is, and of which API",
		Args:  noArguments,
	}
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b := programOf(build.Read())
		switch *output {
		case "json":
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(b); err != nil {
				return fmt.Errorf("write version: %w", err)
			}
			return nil
		case "text":
			_, _ = fmt.Fprintln(cmd.OutOrStdout(), b)
			return nil
		}
		return fmt.Errorf("output %q is neither text nor json", *output)
	}
	return cmd
}

func programOf(b build.Info) program {
	return program{Info: b, API: v1alpha1.GroupVersion.String(), Go: b.Go, Platform: runtime.GOOS + "/" + runtime.GOARCH}
}

// String is the version in one line.
func (b program) String() string {
	line := "fanoutctl " + b.Version
	if b.Commit != "" {
		line += ", commit " + b.Commit
		if b.Changed {
			line += " with changes"
		}
		line += " of " + b.Time
	}
	return fmt.Sprintf("%s, %s, %s, %s", line, b.API, b.Go, b.Platform)
}
