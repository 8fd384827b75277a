// Command bench measures the gateway against the bars of the design and says of each whether it holds. README.md tells what each
// figure means; `make bench` runs it.
//
// Every server and the load generator is a child process of its own: this program again, with a role. So no side's
// garbage collector runs on another's time, and the client costs the same on both sides.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "child" {
		exit(play(os.Args[2]))
		return
	}
	asJSON := flag.Bool("json", false, "print the figures as JSON")
	only := flag.String("only", "", "measure these `rows` alone, such as 1,3")
	profile := flag.String("profile", "", "leave profiles of CPU time and allocations of every process in this `folder`")
	flag.Parse()
	if flag.NArg() > 0 {
		exit(errors.New("bench takes no arguments: see -help"))
	}
	exit(run(*asJSON, *only, *profile))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures the rows and prints their figures. Whether they hold does not make an error, only that one could not be measured; the others are
// printed all the same.
func run(asJSON bool, only, profile string) error {
	b, err := newBench(profile)
	if err != nil {
		return err
	}
	defer b.close()
	var figures []figure
	var faults []error
	for _, r := range rows {
		if only != "" && !slices.Contains(strings.Split(only, ","), r.number) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s: %s\n", r.number, r.name)
		measured, err := r.measure(b)
		if err != nil {
			faults = append(faults, fmt.Errorf("row %s, %s: %w", r.number, r.name, err))
			continue
		}
		for _, f := range measured {
			f.Row = r.number
			f.Holds = f.holds()
			figures = append(figures, f)
		}
	}
	if asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return errors.Join(append(faults, out.Encode(figures))...)
	}
	table(os.Stdout, figures)
	return errors.Join(faults...)
}
