package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"tongma/conformance/sandbox"
)

// everySystem stands for all systems of a demo.
const everySystem = "all"

func sandboxCapacityCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "capacity SYSTEM|all RATE|off",
		Short: "Hold a backend of the running demo to so many requests a second",
		Long: `Makes a backend of the demo in --dir answer at most RATE requests a second, such as 1000/s. The others wait in
line, as they do before a real backend that is asked too much; who would wait longer than 30 s gets its busy
answer. "off" ends that. A verification may be more than one request: with suikang it is two.`,
		Example: `  tongma sandbox capacity suishen 1000/s
  tongma sandbox capacity all off`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var rate perSecond
			if args[1] != sandbox.Off {
				if err := rate.Set(args[1]); err != nil || rate < 1 || rate > sandbox.MaxCapacity || float64(rate) != math.Trunc(float64(rate)) {
					return misuse("write it like 1000/s, or off", "no capacity %q", args[1])
				}
			}
			if err := setCapacity(cmd.Context(), dir, args[0], int(rate)); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"system": args[0], "perSecond": int(rate)})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], args[1])
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", defaultDir, "the demo's folder `DIR`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// setCapacity tells a backend of the running demo, or all of them, how many requests a second it can answer.
func setCapacity(ctx context.Context, dir, system string, perSecond int) error {
	systems := []string{system}
	if system == everySystem {
		info, err := readDemo(dir)
		if err != nil {
			return err
		}
		systems = slices.Sorted(maps.Keys(info.Sandbox))
		if len(systems) == 0 {
			systems = []string{system} // which is told that there is no sandbox
		}
	}
	for _, s := range systems {
		info, err := readSandbox(dir, s)
		if err != nil {
			return err
		}
		if err := tellSandbox(ctx, info, dir, "/_sandbox/capacity", map[string]any{"system": s, "perSecond": perSecond}); err != nil {
			return err
		}
	}
	return nil
}
