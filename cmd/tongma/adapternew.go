package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"tongma/standard"
)

// skeleton is a system's folder that lints and passes its fixtures, to be edited.
//
//go:embed skeleton
var skeleton embed.FS

// systemID is what a system may be called.
var systemID = regexp.MustCompile(`^[a-z][a-z0-9]{1,31}$`)

func adapterNewCommand() *cobra.Command {
	var dir, name, english, region string
	cmd := &cobra.Command{
		Use:   "new SYSTEM",
		Short: "Begin a new system's folder",
		Long: `Makes a folder named SYSTEM with adapter.yaml, fixtures.yaml and README.md. It lints and passes its fixtures as it
is; edit it into your system's dialect. Nothing is overwritten.`,
		Example: "  tongma adapter new ganma --name 赣通码 --english 'Gan Code' --region 360000\n  tongma adapter lint ganma\n  tongma adapter test ganma",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			system := args[0]
			if !systemID.MatchString(system) {
				return misuse("such as suishen or ganma", "a system's id is 2 to 32 of a-z and 0-9, a letter first")
			}
			if _, ok := standard.LookupRegion(region); !ok {
				return misuse("such as 360000", "--region is not in GB/T 2260")
			}
			target := filepath.Join(dir, system)
			values := map[string]string{"System": system, "Name": name, "English": english, "Region": region}
			if name == "" {
				values["Name"] = system
			}
			if english == "" {
				values["English"] = strings.ToUpper(system[:1]) + system[1:] + " Code"
			}
			if err := writeSkeleton(target, values); err != nil {
				return fail(err, "name a system that has no folder in "+dir+" yet")
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%[1]s/adapter.yaml   what its scans look like, how its backend is asked\n"+
				"%[1]s/fixtures.yaml  proof, without a network\n%[1]s/README.md      its manual\n\n"+
				"edit them, then:\n  tongma adapter lint %[1]s\n  tongma adapter test %[1]s\n", target)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "make the folder in `DIR`")
	cmd.Flags().StringVar(&name, "name", "", "the system's Chinese name")
	cmd.Flags().StringVar(&english, "english", "", "the system's English name")
	cmd.Flags().StringVar(&region, "region", "110000", "the system's home `REGION` of GB/T 2260")
	return cmd
}

// writeSkeleton fills the skeleton into a new folder.
func writeSkeleton(target string, values map[string]string) error {
	files, err := template.ParseFS(skeleton, "skeleton/*")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(target, 0o755); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already", target)
	} else if err != nil {
		return err
	}
	for _, t := range files.Templates() {
		f, err := os.OpenFile(filepath.Join(target, t.Name()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		if err := errors.Join(t.Execute(f, values), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
