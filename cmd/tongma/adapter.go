package main

import "github.com/spf13/cobra"

func adapterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "adapter",
		Short: "Make, check, test and list the adapters of systems",
		Long: `An adapter is a folder: adapter.yaml says what a system's scans look like and how its backend is asked,
fixtures.yaml proves it without a network, README.md is its manual. No Go is needed.

CONTRIBUTING.md adds a system in ten minutes: new, edit, lint, test, explain, try.`,
		Args: cobra.ArbitraryArgs,
		RunE: needSubcommand,
	}
	cmd.AddCommand(adapterNewCommand(), adapterLintCommand(), adapterTestCommand(), adapterTryCommand(), adapterExplainCommand(),
		adapterFmtCommand(), adapterListCommand(), adapterSchemaCommand())
	return cmd
}
