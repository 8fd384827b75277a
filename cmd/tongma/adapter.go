package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

CONTRIBUTING.md adds a system in ten minutes: new, edit, lint, test, try.`,
		Args: cobra.ArbitraryArgs,
		RunE: needSubcommand,
	}
	cmd.AddCommand(adapterNewCommand(), adapterLintCommand(), adapterTestCommand(), adapterTryCommand(), adapterExplainCommand(), adapterListCommand())
	return cmd
}

func adapterLintCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint PATH...",
		Short: "Check descriptors: every finding with file, line, column and mend",
		Long: `Reads and compiles each descriptor as the gateway would at its start, and checks its scans against those of the
built-in systems. PATH is a system's folder or its adapter.yaml. A finding is a line

  FILE:LINE:COLUMN: WHAT (MEND)

EXIT STATUS
  0   nothing found
  1   findings, or a file that cannot be read`,
		Example: "  tongma adapter lint mysystem\n  tongma adapter lint --json mysystem/adapter.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			findings := descriptor.Findings{}
			for _, path := range args {
				found, err := lint(path)
				if err != nil {
					return fail(err, "PATH is a system's folder, or the adapter.yaml in it")
				}
				findings = append(findings, found...)
			}
			return report(cmd.OutOrStdout(), findings, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// report prints findings, and fails if there are any.
func report(out io.Writer, findings descriptor.Findings, asJSON bool) error {
	if asJSON {
		if err := printJSON(out, findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			fmt.Fprintln(out, f)
		}
	}
	if len(findings) > 0 {
		return errFindings
	}
	return nil
}

// folder gives the file system of a system's folder for its path or that of its adapter.yaml.
func folder(path string) (fs.FS, string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	if !info.IsDir() {
		if filepath.Base(path) != descriptor.File {
			return nil, "", fmt.Errorf("%s is not called %s", path, descriptor.File)
		}
		path = filepath.Dir(path)
	}
	return os.DirFS(path), path, nil
}

// lint gives what is wrong with a descriptor. Its error is that of a file that cannot be read.
func lint(path string) (descriptor.Findings, error) {
	fsys, dir, err := folder(path)
	if err != nil {
		return nil, err
	}
	d, err := descriptor.Load(fsys, ".")
	if err != nil {
		return relocate(dir, err)
	}
	builtin, err := node.Builtin()
	if err != nil {
		return nil, err
	}
	entries := []adapters.Entry{{Info: d.Info(), Adapter: d.Open(nowhere{})}}
	for _, b := range builtin {
		if b.Info().System != d.Info().System {
			entries = append(entries, adapters.Entry{Info: b.Info(), Adapter: b.Open(nowhere{})})
		}
	}
	if _, err := adapters.NewCatalogue(entries); err != nil {
		var findings descriptor.Findings
		for clash := range strings.Lines(err.Error()) {
			findings = append(findings, descriptor.Finding{
				File: filepath.Join(dir, descriptor.File), Line: 1, Column: 1, What: strings.TrimSuffix(clash, "\n"),
			})
		}
		return findings, nil
	}
	return nil, nil
}

// nowhere is the host of adapters that are looked at and never asked.
type nowhere struct{ adapters.Host }

func (nowhere) Credential(string) (string, bool) { return "", false }

// relocate gives the findings in err with the folder before their files' names; another error stays one.
func relocate(dir string, err error) (descriptor.Findings, error) {
	var findings descriptor.Findings
	if !errors.As(err, &findings) {
		return nil, err
	}
	for i := range findings {
		findings[i].File = filepath.Join(dir, findings[i].File)
	}
	return findings, nil
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
