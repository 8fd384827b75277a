package main

import (
	"github.com/spf13/cobra"

	"tongma/adapters/descriptor"
)

func adapterSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of adapter.yaml, for editors",
		Long: `Prints the JSON Schema of adapter.yaml, so that an editor completes its keys, explains them, and marks what it cannot have.
Editors with the YAML language server take it from a comment at the file's beginning:

  # yaml-language-server: $schema=../adapter.schema.json

The schema knows keys, words and types; what an expression, a form or a clause means only ` + "`tongma adapter lint`" + ` knows.`,
		Example: "  tongma adapter schema >adapter.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(descriptor.Schema())
			return err
		},
	}
}
