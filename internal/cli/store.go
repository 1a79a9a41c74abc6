package cli

import (
	"github.com/spf13/cobra"

	"github.com/fanout-operator/fanout/internal/compile"
)

// storeFlag is the operator's flag of that name.
func storeFlag(cmd *cobra.Command, o *compile.Options) {
	cmd.Flags().Func("rate-limit-store", "JSON as that of spec.rateLimitStore, for routes that name none, as the operator's flag", func(value string) (err error) {
		o.RateLimitStore, err = compile.ReadStore(value)
		return err // shown with the flag's name
	})
}
