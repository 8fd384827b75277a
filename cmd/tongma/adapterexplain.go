package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tongma/adapters"
	"tongma/adapters/descriptor"
)

// languages are those that people are spoken to in.
var languages = []string{"zh", "en"}

func adapterExplainCommand() *cobra.Command {
	lang := spoken()
	cmd := &cobra.Command{
		Use:   "explain DIR...",
		Short: "Say in plain words what a descriptor does",
		Long: `Says what the descriptor in each DIR does, in Chinese or English, for whoever has to agree to it and does not read
YAML: what it recognises, what it has to be configured with, what it sends, which answer means what, where the record is
from, what is no status, and what it is bounded by. DIR may be the id of a built-in system too.`,
		Example: "  tongma adapter explain ganma\n  tongma adapter explain suishen --lang zh",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lang != "zh" && lang != "en" {
				return misuse("--lang zh or --lang en", "--lang is one of %s", strings.Join(languages, ", "))
			}
			for i, dir := range args {
				d, err := descriptor.Load(systemFolder(dir), ".")
				if err != nil {
					return fail(fmt.Errorf("%s: %w", dir, err), "see `tongma adapter lint DIR`; `tongma adapter list` lists the built-in systems")
				}
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprint(cmd.OutOrStdout(), tameLines(d.Describe(lang)))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", lang, "`LANGUAGE`: zh or en")
	mustComplete(cmd, "lang", languages)
	return cmd
}

// systemFolder gives the files of a folder, or of a built-in system where there is no such folder.
func systemFolder(dir string) fs.FS {
	if _, err := os.Stat(dir); err == nil || !systemID.MatchString(dir) {
		return os.DirFS(dir)
	}
	builtin, err := fs.Sub(adapters.Builtin, dir)
	if _, missing := fs.Stat(adapters.Builtin, dir); err != nil || missing != nil {
		return os.DirFS(dir)
	}
	return builtin
}

// spoken is the language of the user's locale: zh where that says so, else en.
func spoken() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := os.Getenv(name); locale != "" {
			if strings.HasPrefix(locale, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

// tameLines is [tame] for text of several lines.
func tameLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = tame(line)
	}
	return strings.Join(lines, "\n")
}

// mustComplete lets shells complete a flag's values.
func mustComplete(cmd *cobra.Command, flag string, values []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the command has no such flag
	}
}
