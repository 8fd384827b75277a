package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/gateway/client"
	"tongma/gateway/evidence"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

// officerFlags are the flags of the privacy officer's commands.
type officerFlags struct {
	callFlags
	key, keyPassword string
	from, to         string
}

func newOfficerFlags() *officerFlags { return &officerFlags{callFlags: callFlags{own: privacyFile}} }

func (f *officerFlags) onKey(cmd *cobra.Command) {
	f.on(cmd)
	cmd.Flags().StringVar(&f.key, "officer-key", "", "the privacy officer's private key, a PEM `FILE` that stays on this machine (default "+officerKeyFile+" of --dir)")
	cmd.Flags().StringVar(&f.keyPassword, "officer-password-file", "", "its password is in `FILE`")
}

func (f *officerFlags) onDays(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "the first `DAY`, in +08:00 (default: 30 days before the last)")
	cmd.Flags().StringVar(&f.to, "to", "", "the last `DAY` (default: today)")
}

// officer reads the private key that unseals.
func (f *officerFlags) officer() (*sm.PrivateKey, error) {
	path := f.key
	if path == "" && f.as != "" {
		return nil, misuse("it is the one whose public half the gateway has as evidence: officer", "with --as give --officer-key FILE too")
	}
	if path == "" {
		path = filepath.Join(f.dir, officerKeyFile)
	}
	password, err := readPassword(f.keyPassword)
	if err != nil {
		return nil, err
	}
	key, err := readPrivateKey(path, password)
	if err != nil {
		return nil, misuse("it is the one whose public half the gateway has as evidence: officer; an encrypted one needs --officer-password-file", "%w", err)
	}
	return key, nil
}

// daysBack is how many days before the last one a search goes, unless it is told.
const daysBack = 30

// days is the range that the flags name.
func (f *officerFlags) days(now time.Time) (wire.Days, error) {
	d := wire.Days{From: f.from, To: f.to}
	if d.To == "" {
		d.To = now.In(standard.Zone).Format(time.DateOnly)
	}
	if d.From == "" {
		if last, err := wire.ParseDay(d.To); err == nil {
			d.From = last.AddDate(0, 0, -daysBack).Format(time.DateOnly)
		}
	}
	if _, ok := d.List(); !ok {
		return d, misuse("such as --from 2022-03-01 --to 2022-03-07", "--from and --to are no range of 1 to %d days", wire.MaxDays)
	}
	return d, nil
}

// searchFlags are the flags of evidence search.
type searchFlags struct {
	*officerFlags
	system, caseNumber, purpose string
}

func evidenceSearchCommand() *cobra.Command {
	f := &searchFlags{officerFlags: newOfficerFlags()}
	cmd := &cobra.Command{
		Use:   "search --case NUMBER --purpose TEXT",
		Short: "Find what was said about a person, as the privacy officer",
		Long: `The evidence names nobody: a person is a pseudonym in it, another one each day, made under the key of that day. When the day is over that key
leaves the gateway, and is there for the privacy officer alone, sealed, until the retention of the day is over. After that nobody can find
anybody in it.

This command gets the sealed keys of the days, unseals them here with the officer's private key, makes the person's pseudonyms and asks the
gateway for their entries. The private key and who is looked for never leave this machine.

Who is looked for is read from standard input, or asked for on a terminal, so that it stays out of the shell's history and out of what others see:
TYPE:NUMBER of a document, such as 01:000000194507219983, or with --system what that system's own answers refer to the holder by. By a document are
found those of whom the system or the request told the whole number.

Each search needs a case and a purpose that the officer has been granted. It is itself an entry, for good, so let neither name
anybody. On a terminal they are asked for.

EXIT STATUS
  0   it was searched, whatever was found
  1   the gateway refused, or a key cannot be unsealed
  2   the command line cannot be meant
  3   the gateway cannot be reached`,
		Example: `  tongma evidence search --case 2022-17 --purpose complaint
  pass show case-17 | tongma evidence search --case 2022-17 --purpose complaint --from 2022-03-01 --to 2022-03-07 --json
  tongma evidence search --as privacy.json --officer-key officer.key.pem --system suishen --case 2022-17 --purpose complaint`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.onKey(cmd)
	f.onDays(cmd)
	cmd.Flags().StringVar(&f.system, "system", "", "look for whom the system `ID` refers to so, instead of for a document")
	cmd.Flags().StringVar(&f.caseNumber, "case", "", "the case's `NUMBER`, for the record")
	cmd.Flags().StringVar(&f.purpose, "purpose", "", "what for: a purpose that is granted to the officer, `TEXT`")
	return cmd
}

func (f *searchFlags) run(cmd *cobra.Command) error {
	days, err := f.days(time.Now())
	if err != nil {
		return err
	}
	c, a, err := f.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	officer, err := f.officer()
	if err != nil {
		return err
	}
	ask := newAsker(cmd, f.lang)
	if err := ask.line("--case", "案号（将写入存证，勿写人名）: ", "case (it is recorded for good, so let it name nobody): ", &f.caseNumber); err != nil {
		return err
	}
	if err := ask.line("--purpose", "目的: ", "purpose: ", &f.purpose); err != nil {
		return err
	}
	who, err := ask.person(f.system)
	if err != nil {
		return err
	}
	s := searching{c: c, a: a, officer: officer, who: who}
	found, err := s.search(cmd.Context(), days, f.caseNumber, f.purpose)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), found)
	}
	evidencePage{cmd.OutOrStdout(), f.lang, false}.findings(found)
	return nil
}

// wanted is a person, by a document or by a system's own reference.
type wanted struct {
	document *standard.ChangedDocument
	system   string
	subject  string
}

// person reads who is meant. What was typed is in none of its errors.
func (a asker) person(system string) (wanted, error) {
	if a.terminal {
		zh, en := "证件 类型:号码，如 01:000000194507219983: ", "document as TYPE:NUMBER, such as 01:000000194507219983: "
		if system != "" {
			zh, en = "该系统对持码人的标识: ", "what the system's own answers refer to the holder by: "
		}
		fmt.Fprint(a.out, say(standard.Text{Zh: zh, En: en}, a.lang))
	}
	text, err := a.read()
	switch {
	case a.ctx.Err() != nil:
		return wanted{}, errStopped
	case err != nil || text == "":
		return wanted{}, misuse("one line on standard input: TYPE:NUMBER of a document, or with --system the system's own reference", "nobody to look for")
	}
	if system != "" {
		return wanted{system: system, subject: text}, nil
	}
	kind, number, ok := strings.Cut(text, ":")
	if !ok {
		return wanted{}, misuse("types are listed by `tongma standard --documents`", "standard input must have TYPE:NUMBER")
	}
	if number, err = (standard.Document{Type: kind, Number: number}).CheckNumber(time.Now()); err != nil {
		return wanted{}, misuse("types are listed by `tongma standard --documents`", "%w", err)
	}
	return wanted{document: &standard.ChangedDocument{Type: kind, Number: number}}, nil
}

// on gives the pseudonym of a person under a day's key.
func (w wanted) on(day *proof.Day) proof.Pseudonym {
	if w.document != nil {
		return day.Holder(w.document.Type, w.document.Number)
	}
	return day.Subject(w.system, w.subject)
}

// searching is a search with what it needs.
type searching struct {
	c       *client.Client
	a       *access
	officer *sm.PrivateKey
	who     wanted
}

// found is what a search tells.
type found struct {
	Days     wire.Days    `json:"days"`
	Closed   []string     `json:"closed"`   // days whose keys are destroyed: nobody can tell any more
	Searches []string     `json:"searches"` // the ids of the entries that the search has left itself
	Entries  []foundEntry `json:"entries"`
	wanted   []wire.WantedOn
}

type foundEntry struct {
	Log    string      `json:"log"`
	Group  uint64      `json:"group"`
	Number uint32      `json:"number"`
	Entry  *shownEntry `json:"entry"`

	entry proof.Entry
}

// search finds a person's entries on these days.
func (s *searching) search(ctx context.Context, days wire.Days, caseNumber, purpose string) (*found, error) {
	keys, err := s.c.DayKeys(ctx, days)
	if err != nil {
		return nil, s.a.evidenceFailed(err)
	}
	f, err := pseudonyms(days, keys, s.officer, s.who)
	if err != nil || len(f.wanted) == 0 {
		return f, err
	}
	ask := wire.Search{Case: caseNumber, Purpose: purpose, People: f.wanted}
	for {
		page, err := s.c.Search(ctx, ask)
		if err != nil {
			return nil, s.a.evidenceFailed(err)
		}
		f.Searches = append(f.Searches, page.Search)
		for _, e := range page.Entries {
			if err := f.take(e); err != nil {
				return nil, fail(err, "tell the gateway's operator")
			}
		}
		if page.Next == "" || page.Next == ask.After {
			return f, nil
		}
		ask.After = page.Next
	}
}

// pseudonyms unseals the keys of the days and makes the person's pseudonyms.
func pseudonyms(days wire.Days, keys []wire.DayKey, officer *sm.PrivateKey, who wanted) (*found, error) {
	f := &found{Days: days, Closed: []string{}, Searches: []string{}, Entries: []foundEntry{}}
	for _, k := range keys {
		if k.Sealed == nil {
			if !slices.Contains(f.Closed, k.Day) {
				f.Closed = append(f.Closed, k.Day)
			}
			continue
		}
		sealed := evidence.DayKey{Day: k.Day, Part: k.Part, Sealed: k.Sealed}
		day, err := sealed.Open(officer)
		if err != nil {
			return nil, fail(err, "is --officer-key the one whose public half the gateway had as evidence: officer on that day? --from and --to leave other days out")
		}
		who := who.on(day)
		if last := len(f.wanted) - 1; last >= 0 && f.wanted[last].Day == k.Day {
			f.wanted[last].Pseudonyms = append(f.wanted[last].Pseudonyms, who[:])
		} else {
			f.wanted = append(f.wanted, wire.WantedOn{Day: k.Day, Pseudonyms: [][]byte{who[:]}})
		}
	}
	return f, nil
}

// take reads an entry that was found, and makes sure that it is about the person.
func (f *found) take(e wire.Finding) error {
	entry, err := proof.ParseEntry(e.Entry)
	if err != nil {
		return fmt.Errorf("log %s, group %d: %w", tame(e.Log), e.Group, err)
	}
	if !slices.ContainsFunc(f.wanted, func(w wire.WantedOn) bool {
		return slices.ContainsFunc(w.Pseudonyms, func(p []byte) bool {
			return string(p) == string(entry.Holder[:]) || string(p) == string(entry.Subject[:])
		})
	}) {
		return fmt.Errorf("log %s, group %d: the gateway has given an entry about somebody else", tame(e.Log), e.Group)
	}
	f.Entries = append(f.Entries, foundEntry{e.Log, e.Group, e.Number, showEntry(&entry), entry})
	return nil
}

// findings tells what a search has found.
func (p evidencePage) findings(f *found) {
	if len(f.Entries) > 0 {
		rows := make([][]string, 0, len(f.Entries))
		for i := range f.Entries {
			e := &f.Entries[i].entry
			rows = append(rows, []string{
				clock(e.At), e.ID, tame(e.Party), join(" ", e.Region, tame(e.Site)), tame(e.System),
				join(" ", string(e.Outcome), string(e.Status), p.status(e.Status)), join(" ", say(actionSaid[e.Action], p.lang), p.kind(e.Kind)),
			})
		}
		printTable(p.w, []string{
			p.say("时间", "TIME"), p.say("编号", "ENTRY"), p.say("查询方", "ASKED BY"), p.say("地点", "WHERE"), p.say("系统", "SYSTEM"),
			p.say("结果", "OUTCOME"), p.say("判定", "DECISION"),
		}, rows)
		fmt.Fprintln(p.w)
	}
	fmt.Fprintf(p.w, p.say("%s 至 %s：检得 %d 条\n", "%s to %s: found %d\n"), f.Days.From, f.Days.To, len(f.Entries))
	if len(f.Closed) > 0 {
		fmt.Fprintln(p.w, p.say("密钥已销毁、无从查找的日期：", "days whose keys are destroyed, so that nobody can tell any more: ")+strings.Join(f.Closed, ", "))
	}
	if len(f.Searches) == 0 {
		fmt.Fprintln(p.w, p.say("这些日期均无可用密钥，未作检索", "there is no key of any of these days, so nothing was searched"))
		return
	}
	fmt.Fprintln(p.w, p.say("本次检索已存证：", "the search itself is on record: ")+strings.Join(f.Searches, ", "))
}

// kind is a word for what is no verification.
func (p evidencePage) kind(k proof.Kind) string {
	if k == proof.Verification {
		return ""
	}
	return say(kindWords[k], p.lang)
}
