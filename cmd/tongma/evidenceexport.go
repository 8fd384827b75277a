package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/gateway/evidence"
	"tongma/gateway/store"
	"tongma/standard"
)

// exportFlags are the flags of evidence export.
type exportFlags struct {
	storeFlags
	log, from, to, out, lang string
}

func evidenceExportCommand() *cobra.Command {
	f := &exportFlags{}
	cmd := &cobra.Command{
		Use:   "export --out FILE",
		Short: "Write a log, or a part of it, into a file that anybody can check",
		Long: `Reads a log from the store, also while nodes write to it, and writes it into the new FILE: a line of JSON for each group of entries.
It asks no node and needs no key: whoever may read the store may export. Nobody in it has a name; see ` + "`tongma evidence search`" + `.

Which store, says its URL, as for ` + "`tongma store`" + `. Each node has a log of its own; --log may be left out where there is only one.

--from and --to are days in +08:00 (2022-03-01), times with their zone (2022-03-01T08:00:00+08:00), or numbers of groups; a day and a
group that --to names are in the export. To go on with an earlier export, begin with the group after its last.

EXIT STATUS
  0   FILE holds all of it
  1   it could not be read or written, and there is no FILE; or somebody has changed the store, and FILE holds what it has
  2   the command line cannot be meant`,
		Example: `  tongma evidence export --store sqlite:/var/lib/tongma/tongma.db --out node-1.export
  tongma evidence export --store-file store.url --log node-1 --from 2022-03-01 --to 2022-03-31 --out node-1.2022-03.export
  tongma evidence export --store sqlite:/var/lib/tongma/tongma.db --from 81920 --out - | gzip >node-1.81920.export.gz`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkLang(f.lang); err != nil {
				return err
			}
			if f.out == "" {
				return misuse("such as --out node-1.export, or --out - for standard output", "evidence export needs --out FILE")
			}
			from, err := parsePoint("--from", f.from)
			if err != nil {
				return err
			}
			to, err := parsePoint("--to", f.to)
			if err != nil {
				return err
			}
			return f.with(cmd.Context(), store.OpenAsIs, func(s *store.Store) error {
				return f.export(cmd, evidence.NewReader(s), from, to)
			})
		},
	}
	f.on(cmd)
	cmd.Flags().StringVar(&f.log, "log", "", "the log's `NAME`")
	cmd.Flags().StringVar(&f.from, "from", "", "from this `DAY`, time or group on (default: the first group)")
	cmd.Flags().StringVar(&f.to, "to", "", "up to this `DAY`, time or group (default: the last group)")
	cmd.Flags().StringVar(&f.out, "out", "", "the new `FILE`, - for standard output")
	langFlag(cmd, &f.lang)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON about it")
	return cmd
}

// exportMade is what evidence export tells.
type exportMade struct {
	File   string `json:"file"`
	Log    string `json:"log"`
	From   uint64 `json:"from"` // the first group
	To     uint64 `json:"to"`   // the one after the last
	Groups uint64 `json:"groups"`
	Bytes  int64  `json:"bytes"`
}

func (f *exportFlags) export(cmd *cobra.Command, r *evidence.Reader, from, to point) error {
	ctx := cmd.Context()
	log, err := f.pick(ctx, r)
	if err != nil {
		return err
	}
	what, err := rangeOf(ctx, r, log, from, to)
	if err != nil {
		return err
	}
	add, done := advance(cmd.ErrOrStderr(), int64(what.To-what.From), say(standard.Text{Zh: "导出中", En: "exporting"}, f.lang))
	told := exportMade{File: f.out, Log: log, From: what.From, To: what.To, Groups: what.To - what.From}
	var odd *evidence.Odd
	write := func(w io.Writer) error {
		err := r.Export(ctx, &lines{w: w, add: add, bytes: &told.Bytes}, log, what)
		if errors.As(err, &odd) {
			return nil // it is whole
		}
		return err
	}
	screen := cmd.OutOrStdout()
	if f.out == "-" {
		err = write(screen)
		screen = cmd.ErrOrStderr()
	} else {
		err = writeWholeNew(f.out, write)
	}
	done()
	switch {
	case ctx.Err() != nil:
		return fail(errors.New("stopped: nothing was exported"), "")
	case errors.Is(err, os.ErrExist):
		return fail(err, newFileHint)
	case err != nil:
		return fail(err, "nothing was exported")
	}
	if err := f.tell(screen, &told); err != nil {
		return err
	}
	if odd != nil {
		return fail(odd, "the export is whole: verify it, keep it, and compare the database with a backup")
	}
	return nil
}

func (f *exportFlags) tell(screen io.Writer, told *exportMade) error {
	if f.json {
		return printJSON(screen, told)
	}
	p := evidencePage{screen, f.lang, false}
	fmt.Fprintf(screen, p.say("%s：日志 %s 第 %d 至 %d 组，%s 字节\n", "%s: log %s, groups %d to %d, %s bytes\n"), f.out, told.Log, told.From, told.To-1, digits(float64(told.Bytes)))
	if f.out != "-" {
		fmt.Fprintf(screen, p.say("核对：tongma evidence verify %s --key 网关公钥.pem\n", "check it: tongma evidence verify %s --key GATEWAY.pem\n"), f.out)
	}
	return nil
}

// lines counts what goes through: bytes, and by its lines the groups.
type lines struct {
	w     io.Writer
	add   func(int64)
	bytes *int64
}

func (l *lines) Write(b []byte) (int, error) {
	n, err := l.w.Write(b)
	*l.bytes += int64(n)
	l.add(int64(bytes.Count(b[:n], []byte{'\n'})))
	return n, err
}

// pick is the log that is meant.
func (f *exportFlags) pick(ctx context.Context, r *evidence.Reader) (string, error) {
	logs, err := r.Logs(ctx)
	if err != nil {
		return "", fail(err, "is it a gateway's store? `tongma store status` tells")
	}
	names := slices.Sorted(maps.Keys(logs))
	_, there := logs[f.log]
	switch {
	case len(names) == 0:
		return "", fail(errors.New("no node has kept evidence in this store"), "see the example configuration, evidence:")
	case f.log == "" && len(names) == 1:
		return names[0], nil
	case f.log == "":
		return "", misuse("such as --log "+names[0], "the store has the logs %s: which one?", strings.Join(names, ", "))
	case !there:
		return "", misuse("it has "+strings.Join(names, ", "), "the store has no log %q", tame(f.log))
	}
	return f.log, nil
}

// point is where a range of groups begins or ends: a number, or a time. The zero one is not given.
type point struct {
	given  bool
	group  uint64
	at     time.Time // zero: it is a number
	wholly bool      // a whole day
}

const pointHint = "a day such as 2022-03-01, a time such as 2022-03-01T08:00:00+08:00, or the number of a group"

func parsePoint(flag, text string) (point, error) {
	if text == "" {
		return point{}, nil
	}
	if n, err := strconv.ParseUint(text, 10, 48); err == nil {
		return point{given: true, group: n}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, standard.Zone); err == nil {
		return point{given: true, at: day, wholly: true}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return point{given: true, at: at}, nil
	}
	return point{}, misuse(pointHint, "%s is no day, time or group", flag)
}

// rangeOf finds the groups from one point to another.
func rangeOf(ctx context.Context, r *evidence.Reader, log string, from, to point) (evidence.Range, error) {
	begin, end := time.UnixMilli(0), time.UnixMilli(1<<48)
	if !from.at.IsZero() {
		begin = from.at
	}
	if !to.at.IsZero() {
		end = to.at
		if to.wholly {
			end = end.AddDate(0, 0, 1)
		}
	}
	what, err := r.Between(ctx, log, begin, end)
	switch {
	case errors.Is(err, evidence.ErrNotFound) && !from.given && !to.given:
		return what, fail(fmt.Errorf("log %s has no entries yet", log), "")
	case errors.Is(err, evidence.ErrNotFound):
		return what, fail(fmt.Errorf("log %s has nothing of this time", log), "leave --from and --to out for all that it has")
	case err != nil:
		return what, err
	}
	if from.given && from.at.IsZero() {
		what.From = from.group
	}
	if to.given && to.at.IsZero() {
		what.To = min(what.To, to.group+1)
	}
	if what.From >= what.To {
		return what, fail(fmt.Errorf("log %s has no such groups", log), "leave --from and --to out for all that it has")
	}
	return what, nil
}
