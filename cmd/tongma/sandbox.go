package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/conformance/sandbox"
)

func sandboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Show the demo's people, or break or slow one of its backends",
		Args:  cobra.ArbitraryArgs,
		RunE:  needSubcommand,
	}
	cmd.AddCommand(sandboxPeopleCommand(), sandboxFaultCommand(), sandboxCapacityCommand())
	return cmd
}

func sandboxPeopleCommand() *cobra.Command {
	var dir, system string
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "people",
		Short: "List people to verify, with scans fresh at this moment",
		Long: `Lists the sandbox's people: what to scan (or which document to ask for) and what must come of it when it
is verified at 110000 under the default rules. Some scans hold for a minute only, as the real ones
do, so ask again before you use one. None of the people exists.

Of systems that speak the same dialect, the first shows everybody and each other one person; --system and
--all show the others.`,
		Example: `  tongma sandbox people
  tongma sandbox people --system suikang
  tongma sandbox people --json | jq -r '.[0].scan' | tongma verify -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := readDemo(dir)
			if err != nil {
				return err
			}
			if system != "" && !slices.Contains(info.Systems, system) {
				return misuse("systems are "+strings.Join(info.Systems, ", "), "no system %q in the sandbox", system)
			}
			box := sandbox.New(sandbox.Options{})
			people := peopleOf(box, info.Systems, system, all)
			if asJSON {
				return printJSON(cmd.OutOrStdout(), people)
			}
			rows := make([][]string, 0, len(people))
			for _, p := range people {
				what := p.Scan
				if p.Document != nil {
					what = "--document " + p.Document.Type + ":" + p.Document.Number + " --name " + p.Document.Name + " --system " + p.System
				}
				rows = append(rows, []string{p.System, what, join(" ", string(p.Outcome), string(p.Status)), string(p.Action), p.Note})
			}
			printTable(cmd.OutOrStdout(), []string{"SYSTEM", "SCAN OR DOCUMENT", "OUTCOME", "ACTION", "WHO"}, rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", defaultDir, "the demo's folder `DIR`")
	cmd.Flags().StringVar(&system, "system", "", "only the system `ID`")
	cmd.Flags().BoolVar(&all, "all", false, "everybody of every system")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// peopleOf gives the people of the systems, or of one of them. Of systems that speak the same dialect it gives everybody of the first and
// one of each other, unless all are wanted.
func peopleOf(box *sandbox.Sandbox, systems []string, only string, all bool) []sandbox.Person {
	people, distinct := []sandbox.Person{}, box.Distinct()
	for _, s := range systems {
		switch list := box.People(s); {
		case only != "" && s != only:
		case all || only != "" || slices.Contains(distinct, s):
			people = append(people, list...)
		default:
			people = append(people, list[0])
		}
	}
	return people
}

func sandboxFaultCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fault [SYSTEM KIND|off]",
		Short: "Break a backend of the running demo, or mend it",
		Long:  "Gives a backend of the demo in --dir a fault, or takes it away with `off`. Without arguments it lists the kinds.",
		Example: `  tongma sandbox fault
  tongma sandbox fault suishen hang
  tongma sandbox fault suishen off`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return fmt.Errorf("give SYSTEM and KIND, or neither")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listFaults(cmd.OutOrStdout(), asJSON)
			}
			if err := setFault(cmd.Context(), dir, args[0], args[1]); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"system": args[0], "fault": args[1]})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], args[1])
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", defaultDir, "the demo's folder `DIR`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func listFaults(out io.Writer, asJSON bool) error {
	faults := sandbox.Faults()
	if asJSON {
		return printJSON(out, faults)
	}
	rows := make([][]string, 0, len(faults))
	for _, f := range faults {
		rows = append(rows, []string{f.Kind, f.Zh, f.En})
	}
	printTable(out, []string{"KIND", "故障", "WHAT HAPPENS"}, rows)
	return nil
}

// setFault tells a backend of the running demo which fault to show.
func setFault(ctx context.Context, dir, system, kind string) error {
	info, err := readSandbox(dir, system)
	if err != nil {
		return err
	}
	if kind != sandbox.Off && !slices.ContainsFunc(sandbox.Faults(), func(f sandbox.Fault) bool { return f.Kind == kind }) {
		return misuse("`tongma sandbox fault` lists the kinds", "no fault %q", kind)
	}
	return tellSandbox(ctx, info, dir, "/_sandbox/fault", map[string]string{"system": system, "kind": kind})
}

// readSandbox reads demo.json of a demo whose sandbox plays the system.
func readSandbox(dir, system string) (*demoInfo, error) {
	info, err := readDemo(dir)
	if err != nil {
		return nil, err
	}
	if len(info.Sandbox) == 0 {
		return nil, misuse("start the demo without --upstream", "this demo has no sandbox: its backends are elsewhere")
	}
	if _, ok := info.Sandbox[system]; !ok {
		return nil, misuse("see `tongma sandbox people`", "no system %q in the sandbox", system)
	}
	return info, nil
}

// tellSandbox makes an admin call to the sandbox of a running demo.
func tellSandbox(ctx context.Context, info *demoInfo, dir, path string, ask any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, info.Admin+path, bytes.NewReader(body))
	if err != nil {
		return fail(err, "")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return &failure{exitUnreachable, fmt.Errorf("the sandbox cannot be reached: %w", err), "is the demo running? start `tongma demo --dir " + dir + "`"}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fail(fmt.Errorf("the sandbox says %s", res.Status), "")
	}
	return nil
}
