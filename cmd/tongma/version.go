package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  tongma version\n  tongma version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{
					"version": version, "profile": "tongma/1", "go": runtime.Version(), "platform": platform,
				})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "tongma %s, profile tongma/1, %s %s\n", version, runtime.Version(), platform)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
