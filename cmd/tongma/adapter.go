package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/node"
)

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

func adapterListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list [DIR...]",
		Short:   "List the built-in systems, and those in DIR",
		Example: "  tongma adapter list\n  tongma adapter list --json | jq -r '.[].system'",
		RunE: func(cmd *cobra.Command, args []string) error {
			dialects, err := node.Builtin()
			if err != nil {
				return err
			}
			for _, dir := range args {
				d, err := descriptor.Load(os.DirFS(dir), ".")
				if err != nil {
					return fail(fmt.Errorf("%s: %w", dir, err), "see `tongma adapter lint "+dir+"`")
				}
				dialects = append(dialects, d)
			}
			return listAdapters(cmd.OutOrStdout(), dialects, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listedAdapter is what adapter list says of a system.
type listedAdapter struct {
	System      string   `json:"system"`
	Name        string   `json:"name"`
	NameEn      string   `json:"nameEn"`
	Region      string   `json:"region"`
	Version     string   `json:"version"`
	Provenance  string   `json:"provenance"`
	Synthetic   []string `json:"synthetic"` // what in the dialect is invented
	Sources     []string `json:"sources"`
	Credentials []string `json:"credentials"`
	Digest      string   `json:"digest"`
}

func listAdapters(out io.Writer, dialects []adapters.Dialect, asJSON bool) error {
	list := []listedAdapter{}
	var rows [][]string
	for _, d := range dialects {
		i := d.Info()
		a := listedAdapter{
			System: i.System, Name: i.Name.Zh, NameEn: i.Name.En, Region: i.Region, Version: i.Version,
			Provenance: string(i.Provenance), Synthetic: i.Synthetic, Sources: i.Sources, Digest: i.Digest,
		}
		for _, c := range i.Credentials {
			a.Credentials = append(a.Credentials, c.Name)
		}
		list = append(list, a)
		invented := ""
		if len(i.Synthetic) > 0 {
			invented = fmt.Sprintf("%d", len(i.Synthetic))
		}
		rows = append(rows, []string{a.System, a.Name, a.Region, a.Version, a.Provenance, invented})
	}
	if asJSON {
		return printJSON(out, list)
	}
	printTable(out, []string{"SYSTEM", "NAME", "REGION", "VERSION", "PROVENANCE", "SYNTHETIC PARTS"}, rows)
	return nil
}
