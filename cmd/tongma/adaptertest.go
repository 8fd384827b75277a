package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tongma/adapters/descriptor"
)

func adapterTestCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test DIR...",
		Short: "Run a system's fixtures, without a network",
		Long: `Runs the fixtures.yaml of each folder against its adapter.yaml. Time, randomness, credentials and the backend are
the fixture's, so what is sent compares byte by byte, signatures too.

EXIT STATUS
  0   every fixture came out as it says
  1   one did not, or a file is at fault`,
		Example: "  tongma adapter test mysystem\n  tongma adapter test --json mysystem",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			results := []testedFixture{}
			for _, dir := range args {
				of, err := descriptor.RunFixtures(os.DirFS(dir), ".")
				if err != nil {
					findings, err := relocate(dir, err)
					if err != nil {
						return fail(fmt.Errorf("%s: %w", dir, err), "DIR is a system's folder with adapter.yaml and fixtures.yaml")
					}
					return report(cmd.OutOrStdout(), findings, asJSON)
				}
				for _, r := range of {
					results = append(results, testedFixture{dir, r, len(r.Differences) == 0})
				}
			}
			return reportFixtures(cmd.OutOrStdout(), results, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// testedFixture is what adapter test says of a fixture.
type testedFixture struct {
	Dir string `json:"dir"`
	descriptor.FixtureResult
	OK bool `json:"ok"`
}

func reportFixtures(out io.Writer, results []testedFixture, asJSON bool) error {
	var rows [][]string
	failed := 0
	for _, r := range results {
		mark := "✓ ok"
		if !r.OK {
			mark = "✗ FAIL"
			failed++
		}
		rows = append(rows, []string{mark, r.Dir, r.Outcome, r.Name})
	}
	if asJSON {
		if err := printJSON(out, results); err != nil {
			return err
		}
	} else {
		printTable(out, []string{"RESULT", "FOLDER", "OUTCOME", "FIXTURE"}, rows)
		for _, r := range results {
			for _, d := range r.Differences {
				fmt.Fprintf(out, "\n%s/%s:%d: %s\n  %s\n    want %s\n    got  %s\n", r.Dir, descriptor.Fixtures, r.Line, r.Name, d.Field, tame(d.Want), tame(d.Got))
			}
		}
		fmt.Fprintf(out, "\n%d fixtures, %d failed\n", len(results), failed)
	}
	if failed > 0 {
		return errFindings
	}
	return nil
}
