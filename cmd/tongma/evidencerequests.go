package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

func evidenceRequestsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "requests",
		Short: "Travellers who want to know what was recorded about them",
		Long: `A traveller who wants to know what was recorded about them asks the platform of their system, which knows that it is they and hands it on. The privacy
officer answers, through the platform. The gateway keeps both sealed: it can read neither who asks nor what is answered.

  tongma evidence requests ask          hand on what a traveller asks for, as their platform
  tongma evidence requests show ID      what has become of it, as the platform
  tongma evidence requests list         what is to be answered, as the privacy officer
  tongma evidence requests answer ID    find what was recorded and answer, as the privacy officer`,
		Args: cobra.ArbitraryArgs,
		RunE: needSubcommand,
	}
	cmd.AddCommand(requestsAskCommand(), requestsShowCommand(), requestsListCommand(), requestsAnswerCommand())
	return cmd
}

const requestExits = `

EXIT STATUS
  0   done, or shown
  1   the gateway refused, or something cannot be unsealed
  2   the command line cannot be meant
  3   the gateway cannot be reached`

func requestsAskCommand() *cobra.Command {
	f := &callFlags{own: platformFile}
	var a wire.SubjectAsk
	var bySubject bool
	cmd := &cobra.Command{
		Use:   "ask --system ID --basis TEXT --reference TEXT",
		Short: "Hand on what a traveller asks for, as their platform",
		Long: `Hands on to the privacy officer that a traveller wants to know what was recorded about them. The platform vouches that it is they: --basis says
how it knows. It is itself an entry in the evidence.

Who it is, is read from standard input, or asked for on a terminal: TYPE:NUMBER of a document, such as 01:000000194507219983, or with --by-subject what the
platform's own answers refer to the holder by. Officer and platform alone can read it.` + requestExits,
		Example: `  tongma evidence requests ask --system suishen --basis 'shown at counter 3' --reference 2022-0417
  next-request | tongma evidence requests ask --as platform.json --system suishen --by-subject --basis 'logged in' --reference 2022-0418 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.System == "" || !wire.ValidLine(a.Basis, wire.MaxBasis) || !wire.ValidLine(a.Reference, wire.MaxBasis) {
				return misuse("such as --system suishen --basis 'shown at counter 3' --reference 2022-0417", "--system, --basis and --reference are needed, the last two of 1 to %d characters", wire.MaxBasis)
			}
			c, who, err := f.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			ask := newAsker(cmd, f.lang)
			system := ""
			if bySubject {
				system = a.System
			}
			person, err := ask.person(system)
			if err != nil {
				return err
			}
			a.Kind, a.Document, a.Subject = wire.KindAccess, person.document, person.subject
			r, err := c.Ask(cmd.Context(), a)
			if err != nil {
				return who.evidenceFailed(err)
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), r)
			}
			p := evidencePage{cmd.OutOrStdout(), f.lang, false}
			fmt.Fprintf(p.w, p.say("%s  已转交隐私负责人，%s\n", "%s  handed on to the privacy officer, %s\n"), r.ID, clock(r.At))
			return nil
		},
	}
	f.on(cmd)
	cmd.Flags().StringVar(&a.System, "system", "", "the platform's own system, its `ID`")
	cmd.Flags().StringVar(&a.Basis, "basis", "", "how the platform knows that it is they, `TEXT`")
	cmd.Flags().StringVar(&a.Reference, "reference", "", "the platform's own reference, which the answer repeats, `TEXT`")
	cmd.Flags().BoolVar(&bySubject, "by-subject", false, "the traveller is named as the platform's own answers refer to them")
	return cmd
}

func requestsShowCommand() *cobra.Command {
	f := &callFlags{own: platformFile}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show what has become of a request, as its platform",
		Long:  `Shows whether a request has been answered, and the answer, which is sealed to the platform's key and opened here.` + requestExits,
		Example: `  tongma evidence requests show 01JZ0000000000000000000000
  tongma evidence requests show 01JZ0000000000000000000000 --as platform.json --json | jq .account.entries`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, a, err := f.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			state, err := c.AskedState(cmd.Context(), args[0])
			if err != nil {
				return a.evidenceFailed(err)
			}
			told := requestShown{ID: state.ID, At: state.At, System: state.System, Answered: state.Answered}
			if state.Answer != nil {
				if told.Account, err = f.account(a, state.Answer); err != nil {
					return err
				}
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), told)
			}
			evidencePage{cmd.OutOrStdout(), f.lang, false}.request(&told)
			return nil
		},
	}
	f.on(cmd)
	return cmd
}

func oneID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs ID", strings.TrimPrefix(cmd.CommandPath(), "tongma "))
	}
	return nil
}

// requestShown is what requests show tells.
type requestShown struct {
	ID       string        `json:"id"`
	At       time.Time     `json:"at"`
	System   string        `json:"system"`
	Answered time.Time     `json:"answered,omitzero"`
	Account  *wire.Account `json:"account,omitempty"`
}

// account opens an answer with the caller's private key.
func (f *callFlags) account(a *access, sealed []byte) (*wire.Account, error) {
	password, err := readPassword(f.password)
	if err != nil {
		return nil, err
	}
	key, err := readPrivateKey(a.Caller.PrivateKey, password)
	if err != nil {
		return nil, fail(err, "")
	}
	account := new(wire.Account)
	text, err := key.Decrypt(sealed)
	if err == nil {
		err = json.Unmarshal(text, account)
	}
	if err != nil {
		return nil, fail(fmt.Errorf("the answer cannot be opened: %w", err), "it is sealed to the key that the platform had when it was answered")
	}
	return account, nil
}

func (p evidencePage) request(r *requestShown) {
	fmt.Fprintf(p.w, "%s  %s  %s\n", r.ID, clock(r.At), tame(r.System))
	switch {
	case r.Answered.IsZero():
		fmt.Fprintln(p.w, p.say("尚未答复", "not answered yet"))
		return
	case r.Account == nil:
		fmt.Fprintln(p.w, p.say("已答复，但保存期已过", "answered, but the answer is not kept any more: ")+clock(r.Answered))
		return
	}
	a := r.Account
	p.rows([]labelled{
		{"答复", "answered", clock(r.Answered)},
		{"业务号", "reference", a.Reference},
		{"日期", "days", a.Days.From + p.say(" 至 ", " to ") + a.Days.To},
		{"无从查找", "nobody can tell", strings.Join(a.Closed, ", ")},
		{"条目", "entries", strconv.Itoa(len(a.Entries))},
	})
	if len(a.Entries) == 0 {
		return
	}
	rows := make([][]string, 0, len(a.Entries))
	for _, e := range a.Entries {
		rows = append(rows, []string{
			clock(e.At), tame(e.Party), tame(e.Purpose), join(" ", tame(e.Region), tame(e.Site)), tame(e.System),
			join(" ", string(e.Outcome), string(e.Status), p.status(e.Status)), join(" ", say(actionSaid[e.Action], p.lang), p.recorded(e.Kind)),
		})
	}
	fmt.Fprintln(p.w)
	printTable(p.w, []string{
		p.say("时间", "TIME"), p.say("查询方", "ASKED BY"), p.say("目的", "PURPOSE"), p.say("地点", "WHERE"), p.say("系统", "SYSTEM"), p.say("结果", "OUTCOME"), p.say("判定", "DECISION"),
	}, rows)
}

// recorded is a word for what is no verification.
func (p evidencePage) recorded(kind string) string {
	if kind == kindNames[proof.SubjectRequest] {
		return p.kind(proof.SubjectRequest)
	}
	return ""
}

func requestsListCommand() *cobra.Command {
	f := newOfficerFlags()
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show what is to be answered, as the privacy officer",
		Long: `Shows the requests of travellers that nobody has answered, or with --all those too that somebody has. What platforms have sealed is opened here with the
officer's private key; of a document's number only the ends are shown.` + requestExits,
		Example: `  tongma evidence requests list
  tongma evidence requests list --all --as privacy.json --officer-key officer.key.pem --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, a, err := f.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			officer, err := f.officer()
			if err != nil {
				return err
			}
			list := []requestListed{}
			err = eachRequest(cmd.Context(), c, a, all, func(r *wire.SubjectRequest) bool {
				list = append(list, listRequest(r, officer))
				return true
			})
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), list)
			}
			evidencePage{cmd.OutOrStdout(), f.lang, false}.requests(list)
			return nil
		},
	}
	f.onKey(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "those too that are answered")
	return cmd
}

// requestListed is what requests list tells of one.
type requestListed struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Party     string    `json:"party"`
	System    string    `json:"system"`
	Who       string    `json:"who,omitempty"` // with a masked number
	Basis     string    `json:"basis,omitempty"`
	Reference string    `json:"reference,omitempty"`
	Answered  time.Time `json:"answered,omitzero"`
	Officer   string    `json:"officer,omitempty"`
	Closed    string    `json:"closed,omitempty"` // why it cannot be read
}

func listRequest(r *wire.SubjectRequest, officer *sm.PrivateKey) requestListed {
	l := requestListed{ID: r.ID, At: r.At, Party: r.Party, System: r.System, Answered: r.Answered, Officer: r.Officer}
	ask, err := openAsk(r, officer)
	if err != nil {
		l.Closed = err.Error()
		return l
	}
	l.Basis, l.Reference, l.Who = ask.Basis, ask.Reference, ask.System+" "+ask.Subject
	if ask.Document != nil {
		l.Who = ask.Document.Type + ":" + standard.MaskIDNumber(ask.Document.Number)
	}
	return l
}

// openAsk reads what a traveller asks for. It must be about the system that the gateway has checked to be the platform's own.
func openAsk(r *wire.SubjectRequest, officer *sm.PrivateKey) (*wire.SubjectAsk, error) {
	if r.Sealed == nil {
		return nil, errors.New("it is not kept any more")
	}
	text, err := officer.Decrypt(r.Sealed)
	if err != nil {
		return nil, errors.New("it is not sealed to this --officer-key")
	}
	ask := new(wire.SubjectAsk)
	if err := json.Unmarshal(text, ask); err != nil || ask.System != r.System || (ask.Document == nil) == (ask.Subject == "") {
		return nil, errors.New("what is sealed in it is no request")
	}
	return ask, nil
}

// eachRequest gives the requests page by page, until want has enough.
func eachRequest(ctx context.Context, c *client.Client, a *access, all bool, want func(*wire.SubjectRequest) bool) error {
	for after := ""; ; {
		page, err := c.Asked(ctx, wire.SubjectList{After: after, All: all})
		if err != nil {
			return a.evidenceFailed(err)
		}
		for i := range page.Requests {
			if !want(&page.Requests[i]) {
				return nil
			}
		}
		if page.Next == "" || page.Next == after {
			return nil
		}
		after = page.Next
	}
}

func (p evidencePage) requests(list []requestListed) {
	if len(list) == 0 {
		fmt.Fprintln(p.w, p.say("没有待答复的申请", "nothing is to be answered"))
		return
	}
	rows := make([][]string, 0, len(list))
	for _, l := range list {
		state := p.say("待答复", "to be answered")
		if !l.Answered.IsZero() {
			state = join(" ", p.say("已答复", "answered"), clock(l.Answered), tame(l.Officer))
		}
		rows = append(rows, []string{l.ID, clock(l.At), tame(l.Party), tame(l.System), tame(join("", l.Who, l.Closed)), tame(l.Basis), tame(l.Reference), state})
	}
	printTable(p.w, []string{
		p.say("编号", "REQUEST"), p.say("时间", "TIME"), p.say("平台", "PLATFORM"), p.say("系统", "SYSTEM"), p.say("本人", "WHO"), p.say("依据", "BASIS"), p.say("业务号", "REFERENCE"), p.say("状态", "STATE"),
	}, rows)
}

func requestsAnswerCommand() *cobra.Command {
	f := newOfficerFlags()
	var purpose string
	var yes bool
	cmd := &cobra.Command{
		Use:   "answer ID",
		Short: "Find what was recorded about a traveller and answer, as the privacy officer",
		Long: `Opens the request ID, finds what was recorded about the traveller on the days from --from to --to as ` + "`tongma evidence search`" + ` does, seals it to the platform's
key and answers. The search is made for the case whose number is the ID. An answer is for good: on a terminal it is asked for once more.` + requestExits,
		Example: `  tongma evidence requests answer 01JZ0000000000000000000000
  tongma evidence requests answer 01JZ0000000000000000000000 --from 2022-03-01 --to 2022-03-31 --as privacy.json --officer-key officer.key.pem --yes`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
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
			r, err := requestOf(cmd.Context(), c, a, args[0])
			if err != nil {
				return err
			}
			ask, err := openAsk(r, officer)
			if err != nil {
				return fail(err, "see `tongma evidence requests list --all`")
			}
			platform, err := sm.ParsePublicKey(r.Key)
			if err != nil {
				return fail(errors.New("the platform has no key any more to which an answer could be sealed"), "the gateway's operator enters platforms as callers")
			}
			s := searching{c: c, a: a, officer: officer, who: wanted{document: ask.Document, system: ask.System, subject: ask.Subject}}
			found, err := s.search(cmd.Context(), days, r.ID, purpose)
			if err != nil {
				return err
			}
			p := evidencePage{cmd.OutOrStdout(), f.lang, false}
			if !f.json {
				p.findings(found)
			}
			if !yes && !newAsker(cmd, f.lang).confirm("以此答复？y/n ", "answer with this? y/n ") {
				return fail(errors.New("nothing was answered"), "--yes answers where there is no terminal to ask on")
			}
			state, err := answerWith(cmd.Context(), c, platform, r, ask, found)
			if err != nil {
				return a.evidenceFailed(err)
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), requestAnswered{state.ID, state.Answered, found})
			}
			fmt.Fprintln(p.w, p.say("已答复：", "answered: ")+state.ID)
			return nil
		},
	}
	f.onKey(cmd)
	f.onDays(cmd)
	cmd.Flags().StringVar(&purpose, "purpose", wire.KindAccess, "what the search is for: a purpose that is granted to the officer, `TEXT`")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask once more")
	return cmd
}

// requestAnswered is what requests answer tells.
type requestAnswered struct {
	ID       string    `json:"id"`
	Answered time.Time `json:"answered"`
	Found    *found    `json:"found"`
}

// confirm asks on a terminal whether something is meant; elsewhere it is not.
func (a asker) confirm(zh, en string) bool {
	if !a.terminal {
		return false
	}
	fmt.Fprint(a.out, say(standard.Text{Zh: zh, En: en}, a.lang))
	text, err := a.read()
	return err == nil && slices.Contains([]string{"y", "yes", "是"}, strings.ToLower(text))
}

// requestOf finds a request that nobody has answered.
func requestOf(ctx context.Context, c *client.Client, a *access, id string) (*wire.SubjectRequest, error) {
	var r *wire.SubjectRequest
	err := eachRequest(ctx, c, a, false, func(one *wire.SubjectRequest) bool {
		if one.ID == id {
			r = one
		}
		return r == nil
	})
	if err == nil && r == nil {
		err = fail(errors.New("there is no such request to be answered"), "`tongma evidence requests list` shows those that are")
	}
	return r, err
}

// answerWith seals what was found to the platform, and answers.
func answerWith(ctx context.Context, c *client.Client, platform *sm.PublicKey, r *wire.SubjectRequest, ask *wire.SubjectAsk, f *found) (*wire.SubjectState, error) {
	account := wire.Account{ID: r.ID, Reference: ask.Reference, Days: f.Days, Closed: f.Closed, Entries: []wire.Recorded{}}
	for i := range f.Entries {
		e := &f.Entries[i].entry
		account.Entries = append(account.Entries, wire.Recorded{
			ID: e.ID, At: e.At, Kind: kindNames[e.Kind], Party: e.Party, Purpose: e.Purpose, Region: e.Region, Site: e.Site, System: e.System,
			Outcome: e.Outcome, Status: e.Status, Action: e.Action,
		})
	}
	text, err := json.Marshal(account)
	if err != nil {
		return nil, err
	}
	sealed, err := platform.Encrypt(text)
	if err != nil {
		return nil, err
	}
	return c.AnswerAsked(ctx, wire.SubjectAnswer{ID: r.ID, Answer: sealed})
}
