package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tongma/adapters/descriptor"
)

func adapterFmtCommand() *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use:   "fmt [-w] PATH...",
		Short: "Write descriptors in their one layout",
		Long: `Names each adapter.yaml that is not in the one layout that all descriptors share; -w writes it so. Keys
stand in the order of the language, expressions in single quotes, comments with what they are about; what the file means is
not changed. PATH is a system's folder or its adapter.yaml; "-" formats the standard input to the standard output.

EXIT STATUS
  0   all are in the layout, or now written in it
  1   one is not, or cannot be read as YAML`,
		Example: "  tongma adapter fmt adapters/*/adapter.yaml\n  tongma adapter fmt -w ganma\n  tongma adapter fmt - <ganma/adapter.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				return formatStream(cmd.InOrStdin(), cmd.OutOrStdout())
			}
			return formatFiles(cmd.OutOrStdout(), args, write)
		},
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "write the files instead of naming them")
	return cmd
}

// maxFormatted bounds what is read of the standard input, in bytes: more than a descriptor may have.
const maxFormatted = 1 << 20

func formatStream(in io.Reader, out io.Writer) error {
	source, err := io.ReadAll(io.LimitReader(in, maxFormatted))
	if err != nil {
		return fail(fmt.Errorf("standard input: %w", err), "")
	}
	formatted, err := descriptor.Format(source)
	if err != nil {
		return fail(fmt.Errorf("standard input: %w", err), "see `tongma adapter lint PATH`")
	}
	_, err = out.Write(formatted)
	return err
}

// formatFiles names the files that are in another layout, or writes them. What is wrong with one does not stop the others.
func formatFiles(out io.Writer, paths []string, write bool) error {
	var wrong []error
	other := false
	for _, path := range paths {
		changed, name, err := formatFile(path, write)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case changed:
			fmt.Fprintln(out, name)
			other = true
		}
	}
	if len(wrong) > 0 {
		return fail(errors.Join(wrong...), "see `tongma adapter lint PATH`")
	}
	if other && !write {
		return errFindings
	}
	return nil
}

// formatFile says whether a descriptor is in another layout, and writes it in the one if it shall.
func formatFile(path string, write bool) (changed bool, name string, err error) {
	dir, err := folder(path)
	if err != nil {
		return false, "", err
	}
	name = filepath.Join(dir, descriptor.File)
	source, err := os.ReadFile(name)
	if err != nil {
		return false, name, err
	}
	formatted, err := descriptor.Format(source)
	if err != nil {
		if findings, other := relocate(dir, err); other == nil {
			return false, name, findings
		}
		return false, name, fmt.Errorf("%s: %w", name, err)
	}
	if bytes.Equal(source, formatted) {
		return false, name, nil
	}
	if write {
		err = replaceFile(name, formatted)
	}
	return true, name, err
}

// replaceFile writes a file beside another and puts it in its place, so that nobody ever finds half of it.
func replaceFile(name string, text []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), name)
}
