package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes besides 0. Only what calls a gateway or a sandbox can exit with exitUnreachable.
const (
	exitTrouble     = 1 // it did not work, a finding, a refusal
	exitUsage       = 2
	exitUnreachable = 3
)

// failure is an error with what it means to the shell and what the user can do about it.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail makes the failure of a command that did not work.
func fail(err error, hint string) error { return &failure{exitTrouble, err, hint} }

// misuse makes the failure of a command line that cannot be meant.
func misuse(hint, format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...), hint}
}

// errFindings is the failure of a command that has already printed what is wrong.
var errFindings = &failure{code: exitTrouble, err: errors.New("findings")}

// run runs one command line and gives its exit code. SIGINT and SIGTERM end the command's context.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	root, started := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	var f *failure
	switch {
	case errors.As(err, &f):
	case *started:
		f = &failure{code: exitTrouble, err: err}
	default: // cobra did not like the command line
		f = &failure{exitUsage, err, fmt.Sprintf("see `%s --help`", command.CommandPath())}
	}
	if f == errFindings || f == errUnreached {
		return f.code
	}
	fmt.Fprintln(stderr, "tongma:", headline(err))
	if f.hint != "" {
		fmt.Fprintln(stderr, "hint:", f.hint)
	}
	return f.code
}

// headline drops the suggestions that cobra writes below an unknown command: the hint says where to look.
func headline(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n\n")
	return strings.TrimSpace(first)
}

// newRoot builds the tree of commands and says, once it has run, whether the command line was understood.
func newRoot() (*cobra.Command, *bool) {
	started := new(bool)
	root := &cobra.Command{
		Use:   "tongma",
		Short: "通码: one gateway for every region's health code",
		Long: `Tongma (通码) verifies regional Chinese health codes. It finds out which system issued what was
scanned, asks that system's own backend, turns the answer into the national record of
GB/T 38961/38962/38963-2020, decides by the rules of the place, and signs what it says.

Begin with ` + "`tongma demo`" + `: a gateway and regional backends on this machine, with people who
do not exist. It prints what to type next.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			*started = true
		},
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run it:"},
		&cobra.Group{ID: "ask", Title: "Ask it:"},
		&cobra.Group{ID: "build", Title: "Build on it:"},
	)
	root.SetHelpCommandGroupID("build")
	root.SetCompletionCommandGroupID("build")
	for group, commands := range map[string][]*cobra.Command{
		"run":   {demoCommand(), serveCommand(), opsCommand(), storeCommand(), sandboxCommand()},
		"ask":   {verifyCommand(), evidenceCommand(), changesCommand(), loadCommand(), standardCommand(), versionCommand()},
		"build": {adapterCommand(), policyCommand(), keysCommand()},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	return root, started
}

// needSubcommand is what a command does that only groups others.
func needSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse(fmt.Sprintf("see `%s --help`", cmd.CommandPath()), "%s has no subcommand %q", cmd.CommandPath(), args[0])
	}
	return cmd.Help()
}
