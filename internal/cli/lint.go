package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/schema"
)

func newLint() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lint -f PATH",
		Short: "Check manifests as the API server and the operator would",
		Args:  manifestsOnly,
	}
	paths := manifestFlags(cmd)
	options := compile.Options{}
	storeFlag(cmd, &options)
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := schema.New()
		if err != nil {
			return err
		}
		m := readManifests(s, options, cmd.InOrStdin(), *paths)
		m.judgeSecrets()
		if err := writeFaults(cmd.OutOrStdout(), *output, m); err != nil {
			return err
		}
		if *output == "text" {
			writeNotes(cmd.ErrOrStderr(), m)
		}
		if len(m.faults) > 0 {
			return ErrReported
		}
		return nil
	}
	return cmd
}

func writeFaults(out io.Writer, format string, m *manifests) error {
	switch format {
	case "json":
		report := struct {
			Routes   int     `json:"routes"`
			Faults   []Fault `json:"faults"`
			Warnings []Fault `json:"warnings,omitempty"`
			Notes    []Fault `json:"notes,omitempty"`
		}{len(m.routes), append([]Fault{}, m.faults...), m.warnings, m.notes}
		if err := json.NewEncoder(out).Encode(report); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		return nil
	case "text":
		for _, f := range m.faults {
			_, _ = fmt.Fprintln(out, f)
		}
		for _, w := range m.warnings {
			_, _ = fmt.Fprintln(out, "warning:", w)
		}
		if len(m.faults) == 0 {
			_, _ = fmt.Fprintf(out, "%d routes, no faults\n", len(m.routes))
		}
		return nil
	}
	return fmt.Errorf("output %q is neither text nor json", format)
}

// writeNotes prints what is left out, or will be otherwise than it looks.
func writeNotes(out io.Writer, m *manifests) {
	for _, n := range m.notes {
		_, _ = fmt.Fprintf(out, "note: %s\n", n)
	}
}
