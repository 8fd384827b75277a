package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/gateway/node"
)

func adapterLintCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint PATH...",
		Short: "Check descriptors: every finding with file, line, column and mend",
		Long: `Reads and compiles each descriptor as the gateway would at its start, reads the fixtures beside it, and checks its scans
against those of the built-in systems and of the other descriptors given. PATH is a system's folder or its adapter.yaml. All
findings of all of them are told at once, each as a line

  FILE:LINE:COLUMN: WHAT (MEND)

No gateway takes a second adapter of a built-in system's id; such an id is noted on standard error.

EXIT STATUS
  0   nothing found
  1   findings, or a file that cannot be read`,
		Example: "  tongma adapter lint mysystem\n  tongma adapter lint --json mysystem/adapter.yaml\n  tongma adapter lint adapters/*/adapter.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			builtin, err := node.Builtin()
			if err != nil {
				return err
			}
			findings, err := lint(args, builtin, cmd.ErrOrStderr())
			if reported := report(cmd.OutOrStdout(), findings, asJSON); err == nil {
				return reported
			}
			return fail(err, "PATH is a system's folder, or the adapter.yaml in it")
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
			fmt.Fprintln(out, tame(f.String()))
		}
	}
	if len(findings) > 0 {
		return errFindings
	}
	return nil
}

// linted is one descriptor that is being checked.
type linted struct {
	dir    string
	system *descriptor.Descriptor // nil if it does not compile
}

// lint gives what is wrong with descriptors, each by itself and beside the others. Its error is that of files that cannot be read.
func lint(paths []string, builtin []adapters.Dialect, notes io.Writer) (descriptor.Findings, error) {
	findings := descriptor.Findings{}
	var all []linted
	var unread []error
	for _, path := range paths {
		one, found, err := lintAlone(path)
		findings, unread = append(findings, found...), append(unread, err)
		if one.system != nil {
			all = append(all, one)
		}
	}
	for i, one := range all {
		if !slices.ContainsFunc(builtin, func(b adapters.Dialect) bool { return b.Info().Digest == one.system.Info().Digest }) {
			noteTaken(notes, one.system.Info().System, builtin)
		}
		var beside []adapters.Dialect
		for _, b := range builtin {
			if b.Info().System != one.system.Info().System { // it takes the place of a built-in one
				beside = append(beside, b)
			}
		}
		for j, other := range all {
			if i != j {
				beside = append(beside, other.system)
			}
		}
		findings = append(findings, relocated(one.dir, one.system.Clashes(os.DirFS(one.dir), ".", beside))...)
	}
	return findings, errors.Join(unread...)
}

// noteTaken says whether an id is that of a built-in system. It is no finding: who changes a built-in one may mean it.
func noteTaken(notes io.Writer, id string, builtin []adapters.Dialect) {
	if slices.ContainsFunc(builtin, func(b adapters.Dialect) bool { return b.Info().System == id }) {
		fmt.Fprintf(notes, "note: there is a built-in system %s, and no gateway takes two of one id: choose another, unless you are changing the built-in one itself\n", id)
	}
}

// lintAlone gives what is wrong with a descriptor and its fixtures for themselves.
func lintAlone(path string) (linted, descriptor.Findings, error) {
	dir, err := folder(path)
	if err != nil {
		return linted{}, nil, err
	}
	fsys := os.DirFS(dir)
	d, err := descriptor.Load(fsys, ".")
	if err != nil {
		found, err := relocate(dir, err)
		return linted{dir: dir}, found, err
	}
	if _, err := descriptor.RunFixtures(fsys, "."); err != nil && !errors.Is(err, fs.ErrNotExist) {
		found, err := relocate(dir, err)
		return linted{dir, d}, found, err
	}
	return linted{dir, d}, nil, nil
}

// folder gives a system's folder for its path or that of its adapter.yaml.
func folder(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return filepath.Clean(path), nil
	}
	if filepath.Base(path) != descriptor.File {
		return "", fmt.Errorf("%s is not called %s", path, descriptor.File)
	}
	return filepath.Dir(path), nil
}

// relocate gives the findings in err with the folder before their files' names; another error stays one.
func relocate(dir string, err error) (descriptor.Findings, error) {
	var findings descriptor.Findings
	if !errors.As(err, &findings) {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return relocated(dir, findings), nil
}

func relocated(dir string, findings descriptor.Findings) descriptor.Findings {
	for i := range findings {
		findings[i].File = filepath.Join(dir, strings.TrimPrefix(findings[i].File, "./"))
	}
	return findings
}
