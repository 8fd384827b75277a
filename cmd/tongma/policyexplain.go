package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tongma/gateway/policy"
	"tongma/standard"
)

func policyExplainCommand() *cobra.Command {
	var asJSON bool
	var test, given string
	lang := spoken()
	cmd := &cobra.Command{
		Use:   "explain FILE... [--test NAME | --case CASE]",
		Short: "Say in plain words what a file of rules decides, and each step of a decision",
		Long: `Without a case it says what the first FILE holds: for whom, from when, what it honours, what it decides and by which source.

With --test it decides that test of the first FILE, with --case what the file CASE says (- for standard input; what a test has
under given, such as {on: green, place: "440106"}), and tells each step: the files that hold at the place, how the system and
the mode stand, each rule and why it is not for this or whether its condition holds, and the decision. The further FILEs and
the national default stand behind it as they would in a gateway.`,
		Example: "  tongma policy explain guangdong --lang zh\n" +
			"  tongma policy explain guangdong --test 'Macao, converted'\n" +
			"  echo '{on: green, place: \"440106\", system: {id: suishen, region: \"310000\"}}' | tongma policy explain guangdong --case - --json",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lang != "zh" && lang != "en" {
				return misuse("--lang zh or --lang en", "--lang is one of %s", strings.Join(languages, ", "))
			}
			files, set, findings, err := readRules(args)
			if err != nil {
				return err
			}
			if len(findings) > 0 {
				return report(cmd.OutOrStdout(), findings, asJSON)
			}
			var c *policy.Case
			switch f := files[0]; {
			case test != "":
				var ok bool
				if c, ok = f.TestCase(test); !ok {
					return fail(fmt.Errorf("%s has no test %q", f.Name, tame(test)), "`tongma policy test FILE` lists them")
				}
			case given != "":
				c, err = readCase(cmd, given, f)
				if found, err := findingsOf(err); err != nil || len(found) > 0 {
					if err != nil {
						return fail(err, "CASE is a file, or - for standard input")
					}
					return report(cmd.OutOrStdout(), found, asJSON)
				}
			case asJSON:
				return printJSON(cmd.OutOrStdout(), f.Describe())
			default:
				return printLines(cmd.OutOrStdout(), f.Describe(), lang)
			}
			decision, steps := set.Explain(c)
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					Decision standard.Decision `json:"decision"`
					Steps    []policy.Step     `json:"steps"`
				}{decision, steps})
			}
			return printSteps(cmd.OutOrStdout(), steps, lang)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, in both languages")
	cmd.Flags().StringVar(&test, "test", "", "the `NAME` of one of the file's own tests")
	cmd.Flags().StringVar(&given, "case", "", "a file with a `CASE`, - for standard input")
	cmd.Flags().StringVar(&lang, "lang", lang, "`LANGUAGE`: zh or en")
	cmd.MarkFlagsMutuallyExclusive("test", "case")
	mustComplete(cmd, "lang", languages)
	return cmd
}

func inLanguage(t standard.Text, lang string) string {
	if lang == "zh" {
		return t.Zh
	}
	return t.En
}

func printLines(out io.Writer, lines []standard.Text, lang string) error {
	for _, l := range lines {
		if _, err := fmt.Fprintln(out, tame(inLanguage(l, lang))); err != nil {
			return err
		}
	}
	return nil
}

func printSteps(out io.Writer, steps []policy.Step, lang string) error {
	var rows [][]string
	for i, s := range steps {
		where := s.File
		if s.Line > 0 {
			where = fmt.Sprintf("%s:%d", s.File, s.Line)
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), where, s.Rule, tame(inLanguage(s.Says, lang))})
	}
	printTable(out, []string{"STEP", "WHERE", "RULE", ""}, rows)
	return nil
}
