package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"tongma/adapters/descriptor"
)

func adapterTestCommand() *cobra.Command {
	var asJSON bool
	var run string
	cmd := &cobra.Command{
		Use:   "test DIR...",
		Short: "Run a system's fixtures, without a network",
		Long: `Runs the fixtures.yaml of each folder against its adapter.yaml. Time, randomness, credentials and the backend are
the fixture's, so what is sent compares byte by byte, signatures too. Of a fixture that fails, every field that came out
otherwise is shown: - is what the fixture says, + what came.

EXIT STATUS
  0   every fixture came out as it says
  1   one did not, a file is at fault, there are no fixtures, or none has such a name`,
		Example: "  tongma adapter test mysystem\n  tongma adapter test mysystem --run 'expired|red'\n  tongma adapter test --json mysystem",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := regexp.Compile(run)
			if err != nil {
				return misuse("such as --run 'expired|red'", "--run is not a regular expression: %w", err)
			}
			results, findings, err := testFixtures(args, wanted)
			if err != nil {
				return err
			}
			if len(findings) > 0 {
				return report(cmd.OutOrStdout(), findings, asJSON)
			}
			if len(results) == 0 {
				return fail(fmt.Errorf("no fixture has a name like %s", run), "`tongma adapter test DIR` lists them")
			}
			return reportFixtures(cmd.OutOrStdout(), results, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&run, "run", "", "only the fixtures whose name this regular `EXPRESSION` matches")
	return cmd
}

// testedFixture is what adapter test says of a fixture.
type testedFixture struct {
	Dir string `json:"dir"`
	descriptor.FixtureResult
	OK bool `json:"ok"`
}

// testFixtures runs the fixtures of all folders. Findings are of files at fault; an error is of files that cannot be read.
func testFixtures(dirs []string, wanted *regexp.Regexp) ([]testedFixture, descriptor.Findings, error) {
	results := []testedFixture{}
	var findings descriptor.Findings
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		of, err := descriptor.RunFixtures(os.DirFS(dir), ".")
		if err != nil {
			found, err := relocate(dir, err)
			if err != nil {
				return nil, nil, fail(err, "DIR is a system's folder with adapter.yaml and fixtures.yaml")
			}
			findings = append(findings, found...)
		} else if len(of) == 0 {
			return nil, nil, fail(fmt.Errorf("%s has no fixtures: nothing is proved", filepath.Join(dir, descriptor.Fixtures)),
				"write one for every status, outcome and oddity of the backend: adapters/README.md, Fixtures")
		}
		for _, r := range of {
			if wanted.MatchString(r.Name) {
				r.Differences = byField(r.Differences)
				results = append(results, testedFixture{dir, r, len(r.Differences) == 0})
			}
		}
	}
	return results, findings, nil
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
		rows = append(rows, []string{mark, r.Dir, r.Outcome, tame(r.Name)})
	}
	if asJSON {
		if err := printJSON(out, results); err != nil {
			return err
		}
	} else {
		printTable(out, []string{"RESULT", "FOLDER", "OUTCOME", "FIXTURE"}, rows)
		for _, r := range results {
			drawDifferences(out, r)
		}
		fmt.Fprintf(out, "\n%d fixtures, %d failed\n", len(results), failed)
	}
	if failed > 0 {
		return errFindings
	}
	return nil
}

func drawDifferences(out io.Writer, r testedFixture) {
	if r.OK {
		return
	}
	fmt.Fprintf(out, "\n%s:%d: %s\n", filepath.Join(r.Dir, descriptor.Fixtures), r.Line, tame(r.Name))
	if r.Fault != "" {
		fmt.Fprintf(out, "  fault: %s\n", tame(r.Fault))
	}
	for _, d := range r.Differences {
		fmt.Fprintf(out, "  %s\n    - %s\n    + %s\n", tame(d.Field), tame(d.Want), tame(d.Got))
	}
}
