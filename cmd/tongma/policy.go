package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/adapters/strict"
	"tongma/gateway/policy"
	"tongma/standard"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, test and explain the rules of regions",
		Long: `A file of rules says what holds where a region's travellers are checked: which systems and modes of recognition it honours,
what each status means there, what is decided and why, from when until when. It carries its own tests, and no gateway takes
it unless they pass, no two rules overlap unless it says which comes first, and every rule is shown to decide something.

FILE is a path, or the name of a file that is part of Tongma (` + "`tongma policy list`" + `). gateway/policy/README.md is the manual of
such files. A gateway takes those that its configuration names under rules.`,
		Args: cobra.ArbitraryArgs,
		RunE: needSubcommand,
	}
	cmd.AddCommand(policyLintCommand(), policyTestCommand(), policyExplainCommand(), policyListCommand(), policyShowCommand())
	return cmd
}

func policyLintCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check files of rules: every finding with file, line, column and mend",
		Long: `Reads and compiles each file as a gateway would at its start, and all of them together: overlaps, gaps, rules that never
decide, rules that no test shows to decide, tests that come out otherwise, passes that no rule may give, two files of one
region for one time. Each finding is a line

  FILE:LINE:COLUMN: WHAT (MEND)

EXIT STATUS
  0   nothing found
  1   findings, or a file that cannot be read`,
		Example: "  tongma policy lint guangdong\n  tongma policy lint --json changsanjiao guangdong",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, _, findings, err := readRules(args)
			if err != nil {
				return err
			}
			return report(cmd.OutOrStdout(), findings, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readRules reads files of rules and puts them together. Findings are of what is wrong with them; the error is of files that cannot be read.
func readRules(paths []string) ([]*policy.File, *policy.Set, strict.Findings, error) {
	files, findings, err := readRuleFiles(paths)
	if err != nil || len(findings) > 0 {
		return nil, nil, findings, err
	}
	set, err := policy.Load(files...)
	found, err := findingsOf(err)
	return files, set, append(findings, found...), err
}

// readRuleFiles reads files of rules, each by itself.
func readRuleFiles(paths []string) ([]*policy.File, strict.Findings, error) {
	findings := strict.Findings{}
	var files []*policy.File
	for _, path := range paths {
		f, err := policy.Read(path)
		found, err := findingsOf(err)
		if err != nil {
			return nil, nil, fail(err, "FILE is a path, or a name that `tongma policy list` shows")
		}
		files, findings = append(files, f), append(findings, found...)
	}
	return files, findings, nil
}

// findingsOf takes the findings out of an error that is made of them; another error stays one.
func findingsOf(err error) (strict.Findings, error) {
	var findings strict.Findings
	if errors.As(err, &findings) {
		return findings, nil
	}
	return nil, err
}

func policyTestCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run the tests that files of rules carry",
		Long: `Runs the tests of each file among all the files given, with the national default behind them. FILEs that inherit from each
other are tested together.

EXIT STATUS
  0   every test came out as it says
  1   one did not, or a file is at fault`,
		Example: "  tongma policy test guangdong\n  tongma policy test --json guangdong | jq -r '.[] | select(.ok | not) | .name'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, findings, err := readRuleFiles(args)
			if err != nil {
				return err
			}
			if len(findings) > 0 {
				return report(cmd.OutOrStdout(), findings, asJSON)
			}
			results, err := policy.Test(files...)
			if found, err := findingsOf(err); err != nil || len(found) > 0 {
				return errors.Join(err, report(cmd.OutOrStdout(), found, asJSON))
			}
			return reportRuleTests(cmd.OutOrStdout(), results, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func reportRuleTests(out io.Writer, results []policy.Result, asJSON bool) error {
	var rows [][]string
	failed := 0
	for _, r := range results {
		mark := "✓ ok"
		if !r.OK {
			mark = "✗ FAIL"
			failed++
		}
		rows = append(rows, []string{mark, r.File, string(r.Got), r.GotRule, tame(r.Name)})
	}
	if asJSON {
		if err := printJSON(out, results); err != nil {
			return err
		}
	} else {
		printTable(out, []string{"RESULT", "FILE", "DECISION", "RULE", "TEST"}, rows)
		for _, r := range results {
			if !r.OK {
				fmt.Fprintf(out, "\n%s:%d: %s\n    - %s by %s\n    + %s by %s\n", r.File, r.Line, tame(r.Name), r.Want, tame(r.WantRule), r.Got, r.GotRule)
			}
		}
		fmt.Fprintf(out, "\n%d tests, %d failed\n", len(results), failed)
	}
	if failed > 0 {
		return errFindings
	}
	return nil
}

func policyListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the files of rules that are part of Tongma",
		Example: "  tongma policy list\n  tongma policy list --json | jq -r '.[].name'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type listed struct {
				Name    string        `json:"name"`
				Regions []string      `json:"regions"`
				Version int           `json:"version"`
				From    time.Time     `json:"from,omitzero"`
				Title   standard.Text `json:"title"`
				Sources []string      `json:"sources"`
			}
			var all []listed
			var rows [][]string
			for _, name := range policy.Shipped() {
				f, err := policy.Read(name)
				if err != nil {
					return err
				}
				from := "always"
				if !f.From.IsZero() {
					from = f.From.Format(time.DateOnly)
				}
				all = append(all, listed{name, f.Regions, f.Version, f.From, f.Title, f.Sources()})
				rows = append(rows, []string{name, strings.Join(f.Regions, " "), fmt.Sprint(f.Version), from, f.Title.Zh, f.Title.En})
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			printTable(cmd.OutOrStdout(), []string{"NAME", "REGIONS", "VERSION", "FROM", "TITLE", ""}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func policyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Print a file of rules that is part of Tongma, to begin one's own with",
		Example: "  tongma policy show guangdong >mine.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, ok := policy.Source(filepath.ToSlash(args[0]))
			if !ok {
				return fail(fmt.Errorf("no file of rules is called %s", tame(args[0])), "`tongma policy list` shows them")
			}
			_, err := cmd.OutOrStdout().Write(src)
			return err
		},
	}
}

// readCase reads a case from a file, or from standard input for "-".
func readCase(cmd *cobra.Command, path string, f *policy.File) (*policy.Case, error) {
	const most = 256<<10 + 1 // one byte more than a file may have, which is a finding
	in := cmd.InOrStdin()
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	src, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return nil, err
	}
	return policy.ParseCase(path, src, f)
}
