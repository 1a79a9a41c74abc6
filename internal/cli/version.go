package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/api/v1alpha1"
)

// build is which fanoutctl this is.
type build struct {
	// Version is that of the module, a tag or what go build makes of a commit; (devel) where
	// it was built without either.
	Version string `json:"version"`
	// Commit and Time are those that it was built from, Changed is set where the tree had
	// changes beside. They are empty where the source was no checkout.
	Commit  string `json:"commit,omitempty"`
	Time    string `json:"time,omitempty"`
	Changed bool   `json:"changed,omitempty"`
	// API is what lint checks and run serves.
	API      string `json:"api"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which fanoutctl this is, and of which API",
		Args:  cobra.NoArgs,
	}
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		info, _ := debug.ReadBuildInfo() // nil where it was built without modules
		b := buildOf(info)
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

func buildOf(info *debug.BuildInfo) build {
	b := build{Version: "(devel)", API: v1alpha1.GroupVersion.String(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

// String is the version in one line.
func (b build) String() string {
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
