package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/wire"
)

// opsPatience is how long a call may take. It is long enough for a gateway that has just started, and lets nobody in before its time is new.
const opsPatience = 15 * time.Second

// opsFlags are the flags that all of ops have.
type opsFlags struct{ callFlags }

func opsCommand() *cobra.Command {
	f := &opsFlags{callFlags{own: operatorFile}}
	cmd := &cobra.Command{
		Use:   "ops",
		Short: "Take systems out of service and put them back",
		Long: `Shows an operator how the systems of a running gateway are, and takes them out of service or puts them back. Each
change needs a reason, and the gateway records who did what, when and why before it does it.

  tongma ops list              how every system is
  tongma ops open SYSTEM       ask it nothing from now on; whoever waits for it is answered at once that it is unavailable
  tongma ops drain SYSTEM      ask it nothing new; what is under way or waits already is answered
  tongma ops warm SYSTEM       back into service, slowly: one question at a time, then more as they are answered
  tongma ops auto SYSTEM       back into service
  tongma ops forget SYSTEM     serve nothing that it has answered so far: it was wrong
  tongma ops log               who did what, when and why

What the gateway remembers of a system that is out of service is still answered: for as long as it is fresh, and then as stale, of
which a green lets nobody pass unless the rules of the place say so outright. A system that was taken out of service stays out over
a restart. Each node of an installation is told by itself, but all of them forget together.

The calls are signed with a key of a caller whose role is operator. Which one, and which gateway, says a file of JSON: operator.json
of the demo's folder, or the one that --as names.

  {"gateway": {"url": "https://gateway.example", "id": "gateway.example", "publicKey": "gateway.pub.pem"},
   "caller": {"id": "ops-1", "key": "ops-1", "privateKey": "ops-1.key.pem"}}

EXIT STATUS
  0   done, or shown
  1   the gateway refused, or its answer's signature is wrong
  2   the command line cannot be meant
  3   the gateway cannot be reached`,
		Args: cobra.ArbitraryArgs,
		RunE: needSubcommand,
	}
	cmd.AddCommand(opsListCommand(f), opsLogCommand(f))
	for _, c := range changes {
		cmd.AddCommand(opsChangeCommand(f, c))
	}
	for _, c := range cmd.Commands() {
		f.on(c)
	}
	return cmd
}

func opsListCommand(f *opsFlags) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "list [SYSTEM...]",
		Short: "Show how every system is",
		Long: `Shows all systems, or those that are named: whether each is asked, how many questions are under way and wait, how many may be
under way at once, and what there is to know besides. With --watch it shows them anew each second until it is interrupted.`,
		Example: `  tongma ops list
  tongma ops list --watch
  tongma ops list suishen --json | jq .systems[0].queued`,
		ValidArgsFunction: f.completeSystems,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, a, err := f.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			out := cmd.OutOrStdout()
			colour := wantsColour(out)
			show := func(ctx context.Context, out io.Writer) error {
				return f.list(ctx, opsTable{out, f.lang, colour}, c, a, args)
			}
			if !watch {
				return show(cmd.Context(), out)
			}
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			return watching(cmd.Context(), tick.C, out, show)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it anew each second")
	return cmd
}

// list prints the state of all systems, or of those that are named.
func (f *opsFlags) list(ctx context.Context, table opsTable, c *client.Client, a *access, only []string) error {
	ctx, cancel := context.WithTimeout(ctx, opsPatience)
	defer cancel()
	state, err := c.State(ctx)
	if err != nil {
		return a.failed(err)
	}
	if len(only) > 0 {
		all := state.Systems
		state.Systems = nil
		for _, id := range only {
			at := slices.IndexFunc(all, func(s wire.SystemState) bool { return s.System == id })
			if at < 0 {
				return misuse("`tongma ops list` shows all", "no system %q at this gateway", tame(id))
			}
			state.Systems = append(state.Systems, all[at])
		}
	}
	if f.json {
		return printJSON(table.w, state)
	}
	fmt.Fprintf(table.w, "%s  %s  %s\n\n", a.Gateway.ID, a.Gateway.URL, clock(state.At))
	table.systems(state.Systems)
	return nil
}

// watching shows something anew at each tick until ctx ends. What cannot be shown, while a gateway restarts say, is told in its place.
func watching(ctx context.Context, tick <-chan time.Time, out io.Writer, show func(context.Context, io.Writer) error) error {
	f, ok := out.(*os.File)
	screen := ok && term.IsTerminal(int(f.Fd()))
	for {
		var page strings.Builder
		err := show(ctx, &page)
		if ctx.Err() != nil {
			return nil
		}
		if trouble, ok := errors.AsType[*failure](err); ok && trouble.code == exitUsage {
			return err
		}
		if err != nil {
			fmt.Fprintln(&page, "tongma:", headline(err))
		}
		text := page.String() + "\n"
		if screen { // over the page before, without a flicker
			text = "\x1b[H" + strings.ReplaceAll(text, "\n", "\x1b[K\n") + "\x1b[J"
		}
		io.WriteString(out, text)
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}

// change is an action of ops.
type change struct {
	action wire.Action
	short  string
	long   string
}

var changes = []change{
	{wire.ActionOpen, "Take systems out of service at once", `Has the gateway ask the systems nothing from now on. Whoever waits for one of them, or comes later, is answered at once that
it is unavailable (suspended), and the decision is manual. Not even a probe asks it.`},
	{wire.ActionDrain, "Take systems out of service, but answer what is under way", `Has the gateway ask the systems nothing new. What is under way or waits already is answered.`},
	{wire.ActionWarm, "Put systems back into service slowly", `Has the gateway ask the systems again: by a probe first, if the system has one, then one question at a time, then more
as they are answered. It is the way back for a system that has been down, because the whole rush at once could take it down again.`},
	{wire.ActionAuto, "Put systems back into service", `Has the gateway ask the systems again as its guards see fit.`},
	{wire.ActionForget, "Serve nothing that the systems have answered so far", `Has the gateway, and every other node of it, serve nothing that the systems have answered so far. It is for answers
that were wrong: take the systems out of service first, so that no more of them come in.`},
}

func opsChangeCommand(f *opsFlags, what change) *cobra.Command {
	var reason string
	name := string(what.action)
	cmd := &cobra.Command{
		Use:   name + " SYSTEM... --reason TEXT",
		Short: what.short,
		Long: what.long + `

--reason is asked for on a terminal. It stays in the gateway's record, so let it name nobody: 1 to 200 characters on one line.`,
		Example: fmt.Sprintf("  tongma ops %s suishen --reason 'platform is being repaired until 10:00'\n  tongma ops %s suishen suikang --reason 平台维护 --json", name, name),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("ops %s needs SYSTEM", name)
			}
			return nil
		},
		ValidArgsFunction: f.completeSystems,
		RunE: func(cmd *cobra.Command, systems []string) error {
			c, a, err := f.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if reason, err = askReason(reason, newAsker(cmd, f.lang)); err != nil {
				return err
			}
			after := []wire.SystemState{}
			for _, system := range systems {
				s, err := operateOne(cmd.Context(), c, wire.Order{System: system, Action: what.action, Reason: reason})
				if err != nil {
					f.show(cmd.OutOrStdout(), after) // what was done is done
					return a.failed(fmt.Errorf("%s: %w", tame(system), err))
				}
				after = append(after, *s)
			}
			return f.show(cmd.OutOrStdout(), after)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record: `TEXT` that names nobody")
	return cmd
}

// operateOne has one change made.
func operateOne(ctx context.Context, c *client.Client, o wire.Order) (*wire.SystemState, error) {
	ctx, cancel := context.WithTimeout(ctx, opsPatience)
	defer cancel()
	return c.Operate(ctx, o)
}

// show prints the systems' state after a change.
func (f *opsFlags) show(out io.Writer, systems []wire.SystemState) error {
	if f.json {
		return printJSON(out, systems)
	}
	if len(systems) > 0 {
		opsTable{out, f.lang, wantsColour(out)}.systems(systems)
	}
	return nil
}

// askReason gives the reason, if need be asked for on a terminal.
func askReason(given string, ask asker) (string, error) {
	const hint = "1 to 200 characters on one line that name nobody, such as --reason 'planned work until 10:00'"
	switch {
	case wire.ValidReason(given):
		return given, nil
	case given != "":
		return "", misuse(hint, "the reason cannot be recorded")
	case !ask.terminal:
		return "", misuse(hint, "a change needs --reason TEXT where there is no terminal to ask on")
	}
	for {
		fmt.Fprint(ask.out, say(standard.Text{Zh: "原因（将写入记录，勿写人名）: ", En: "reason (it is recorded, so let it name nobody): "}, ask.lang))
		reason, err := ask.read()
		if err != nil {
			return "", misuse(hint, "no reason: nothing was done")
		}
		if wire.ValidReason(reason) {
			return reason, nil
		}
	}
}

func opsLogCommand(f *opsFlags) *cobra.Command {
	var last int
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show who did what, when and why",
		Long: `Shows the last changes, the newest first. The gateway keeps 500 at hand; operations.jsonl in its state folder has
all of them.`,
		Example: "  tongma ops log\n  tongma ops log --last 500 --json | jq '.[] | select(.system == \"suishen\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 1 || last > wire.MaxOperations {
				return misuse("such as --last 50", "--last is 1 to %d", wire.MaxOperations)
			}
			c, a, err := f.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), opsPatience)
			defer cancel()
			operations, err := c.Operations(ctx, last)
			if err != nil {
				return a.failed(err)
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), operations)
			}
			opsTable{cmd.OutOrStdout(), f.lang, false}.operations(operations)
			return nil
		},
	}
	cmd.Flags().IntVar(&last, "last", 50, "at most `N`, 1 to 500")
	return cmd
}

// completeSystems lets shells complete the ids of the gateway's systems, which anybody may know. A gateway that does not answer at once has
// none to offer.
func (f *opsFlags) completeSystems(cmd *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), 500*time.Millisecond)
	defer cancel()
	var ids []cobra.Completion
	for _, s := range f.publicSystems(ctx) {
		if !slices.Contains(given, s.ID) {
			ids = append(ids, cobra.CompletionWithDesc(tame(s.ID), tame(s.Name)))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// publicSystem is what GET /v1/gateway tells of a system.
type publicSystem struct{ ID, Name string }

// publicSystems asks the gateway for its systems. Its answer is not signed: it is for completing words and nothing else.
func (f *opsFlags) publicSystems(ctx context.Context) []publicSystem {
	a, err := readAccess(f.file())
	if err != nil {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.Gateway.URL, "/")+"/v1/gateway", nil)
	if err != nil {
		return nil
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var told struct {
		Data struct{ Systems []publicSystem }
	}
	if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&told) != nil {
		return nil
	}
	return told.Data.Systems
}
