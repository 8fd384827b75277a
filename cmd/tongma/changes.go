package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/wire"
)

func changesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "changes",
		Short: "Tell a running demo whose code has changed, as a platform does",
		Long: `A platform tells the gateway when somebody's code changes, so that nothing older is served from memory.
Its notices are numbered one by one: the gateway notices a missing one at the next, and then trusts
nothing that it remembers of the system.`,
		RunE: needSubcommand,
	}
	cmd.AddCommand(changesSendCommand(), changesHeartbeatCommand())
	return cmd
}

const changesExits = `
EXIT STATUS
  0   the notice holds; on every other node of the gateway within a second
  1   it was refused, or the answer's signature is wrong
  2   the command line cannot be meant; nothing was sent, and no number used
  3   the gateway cannot be reached`

// named are the flags that say what has changed.
type named struct {
	subjects, scans, documents []string
	all                        bool
	from                       string
	at                         string
}

func changesSendCommand() *cobra.Command {
	var t teller
	var what named
	cmd := &cobra.Command{
		Use:   "send --system ID (--seq N | --seq-file FILE) (--subject REF | --scan SCAN | --document TYPE:NUMBER | --all | --from FILE)…",
		Short: "Tell of changes",
		Long: `Sends one notice with all changes that are named, signed with the folder's platform key.

A holder is named by the system's own reference (--subject) or by a document, one code by its scan. What
is typed can be seen by others on the machine: "-" in place of a value reads one from each line of
standard input, and --from reads a JSON list such as [{"subject":"…"},{"scan":"…","at":"…"}].

--seq-file keeps the last number that was used, and begins with 1; many may use it at once. A number is used up as soon as it is
sent, so that the gateway misses a notice that nobody repeats. To repeat one, give its number with --seq:
that never harms.
` + changesExits,
		Example: `  tongma changes send --system suishen --seq-file suishen.seq --subject 0f0e0d0c0b0a09080706050403020100
  tongma changes send --system suishen --seq 42 --document 01:000000194507219983
  red-list | tongma changes send --system suishen --seq-file suishen.seq --scan -
  tongma changes send --system suishen --seq-file suishen.seq --from changes.json
  tongma changes send --system suishen --seq-file suishen.seq --all`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changes, err := what.changes(cmd.InOrStdin(), time.Now())
			if err != nil {
				return err
			}
			if len(changes) == 0 {
				return misuse("name somebody, or --all; for a notice without changes there is `tongma changes heartbeat`", "nothing has changed")
			}
			return t.tell(cmd, changes)
		},
	}
	t.flags(cmd)
	cmd.Flags().StringArrayVar(&what.subjects, "subject", nil, "a holder, by the system's own `REF`erence")
	cmd.Flags().StringArrayVar(&what.scans, "scan", nil, "one code, as it is scanned: `SCAN`")
	cmd.Flags().StringArrayVar(&what.documents, "document", nil, "a holder, by a document: `TYPE:NUMBER`, such as 01:000000194507219983")
	cmd.Flags().BoolVar(&what.all, "all", false, "everything that the system has answered so far")
	cmd.Flags().StringVar(&what.from, "from", "", "changes as a JSON list in `FILE`, - for standard input")
	cmd.Flags().StringVar(&what.at, "at", "", "when it changed: `TIME` with its zone, such as 2022-01-10T08:00:00+08:00; left out: now")
	return cmd
}

func changesHeartbeatCommand() *cobra.Command {
	var t teller
	cmd := &cobra.Command{
		Use:   "heartbeat --system ID (--seq N | --seq-file FILE)",
		Short: "Tell that nothing has changed",
		Long: `Sends a notice without changes: nothing has changed since the last one, and the gateway sees by its
number that it has heard them all. A gateway that was promised a heartbeat serves no green of the system
from memory while none comes.
` + changesExits,
		Example: `  tongma changes heartbeat --system suishen --seq-file suishen.seq`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return t.tell(cmd, []standard.Change{}) },
	}
	t.flags(cmd)
	return cmd
}

// changes gathers what the flags name. Its errors tell the flag and never what stood there.
func (n *named) changes(stdin io.Reader, now time.Time) ([]standard.Change, error) {
	at := now
	if n.at != "" {
		if err := at.UnmarshalText([]byte(n.at)); err != nil {
			return nil, misuse("such as 2022-01-10T08:00:00+08:00", "--at is not a time with its zone")
		}
	}
	changes, err := readChanges(stdin, n.from)
	if err != nil {
		return nil, err
	}
	for _, flag := range []struct {
		values []string
		make   func(string) (standard.Change, error)
	}{
		{n.subjects, func(v string) (standard.Change, error) { return standard.Change{Subject: v}, nil }},
		{n.scans, func(v string) (standard.Change, error) { return standard.Change{Scan: v}, nil }},
		{n.documents, documentChange},
	} {
		values, err := fromLines(stdin, flag.values)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			c, err := flag.make(v)
			if err != nil {
				return nil, err
			}
			changes = append(changes, c)
		}
	}
	if n.all {
		changes = append(changes, standard.Change{All: true})
	}
	for i := range changes {
		if changes[i].At.IsZero() {
			changes[i].At = at
		}
	}
	return changes, nil
}

func documentChange(v string) (standard.Change, error) {
	kind, number, ok := strings.Cut(v, ":")
	if !ok {
		return standard.Change{}, misuse("types are listed by `tongma standard --documents`", "--document must be TYPE:NUMBER")
	}
	return standard.Change{Document: &standard.ChangedDocument{Type: kind, Number: number}}, nil
}

// fromLines puts the lines of standard input in the place of a "-".
func fromLines(stdin io.Reader, values []string) ([]string, error) {
	var all []string
	for _, v := range values {
		if v != "-" {
			all = append(all, v)
			continue
		}
		data, err := io.ReadAll(io.LimitReader(stdin, wire.MaxNotice+1))
		if err != nil {
			return nil, fail(fmt.Errorf("standard input: %w", err), "")
		}
		if len(data) > wire.MaxNotice { // what is cut off would be told of nobody
			return nil, misuse("send several notices, or --all", "standard input has more than %d KiB", wire.MaxNotice>>10)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				all = append(all, line)
			}
		}
	}
	return all, nil
}

// teller sends one notice.
type teller struct {
	dir, system, seqFile string
	seq                  uint64
	asJSON               bool
}

func (t *teller) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.dir, "dir", defaultDir, "the demo's folder `DIR`")
	cmd.Flags().StringVar(&t.system, "system", "", "the system `ID` whose platform this is")
	cmd.Flags().Uint64Var(&t.seq, "seq", 0, "the notice's number `N`: one more than that of the one before")
	cmd.Flags().StringVar(&t.seqFile, "seq-file", "", "take the number after the one in `FILE`, and keep it there")
	cmd.Flags().BoolVar(&t.asJSON, "json", false, "print the answer's data as JSON")
	cmd.MarkFlagsMutuallyExclusive("seq", "seq-file")
	cmd.MarkFlagsOneRequired("seq", "seq-file")
	cmd.MarkFlagRequired("system")
}

func (t *teller) tell(cmd *cobra.Command, changes []standard.Change) error {
	n := &standard.Notice{System: t.system, Changes: changes}
	if len(changes) > standard.MaxChanges {
		return misuse("send several notices, or --all", "%d changes, and a notice takes %d", len(changes), standard.MaxChanges)
	}
	c, err := demoClientOf(t.dir, platformKeyFile, func(d *demoInfo) demoParty { return d.Platform })
	if err != nil {
		return err
	}
	defer c.Close()
	check := func(seq uint64) error {
		n.Seq = seq
		if err := n.Check(time.Now()); err != nil { // before its number is used up
			return misuse("nothing was sent", "%w", err)
		}
		return nil
	}
	if t.seqFile != "" {
		err = nextSeq(cmd.Context(), t.seqFile, check)
	} else {
		err = check(t.seq)
	}
	if err != nil {
		return err
	}
	r, err := notify(cmd.Context(), c, t.dir, n)
	if err != nil {
		return err
	}
	if t.asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	printReceipt(cmd.OutOrStdout(), n, r)
	return nil
}

// notify sends a notice and gives what went wrong its exit code.
func notify(ctx context.Context, c *client.Client, dir string, n *standard.Notice) (*standard.NoticeReceipt, error) {
	again := fmt.Sprintf("repeat it with --seq %d", n.Seq)
	r, err := c.Notify(ctx, n)
	refused, isRefused := errors.AsType[*client.RefusedError](err)
	switch {
	case err == nil:
		return r, nil
	case isRefused:
		return nil, fail(err, join("; ", refused.Todo(), again))
	case errors.Is(err, client.ErrUnreachable):
		return nil, &failure{exitUnreachable, err, "is the demo running? start `tongma demo --dir " + dir + "`, then " + again}
	}
	return nil, fail(err, again)
}

func printReceipt(out io.Writer, n *standard.Notice, r *standard.NoticeReceipt) {
	what := strconv.Itoa(len(n.Changes)) + " 条变更 changes"
	if len(n.Changes) == 0 {
		what = "心跳 heartbeat"
	}
	fmt.Fprintf(out, "✓ %s %d 已生效 holds: %s\n", r.System, r.Seq, what)
	if r.Missed > 0 {
		fmt.Fprintf(out, "! 之前缺少 %[1]d 条通知，该系统全部重新查询 %[1]d before it never came: whatever was remembered of the system is asked for anew\n", r.Missed)
	}
	if r.Repeated {
		fmt.Fprintf(out, "! 编号不大于最近的 %[1]d，仍已生效 its number is not above the last one, %[1]d; it holds all the same\n", r.Last)
	}
}
