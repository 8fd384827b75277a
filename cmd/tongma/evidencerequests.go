package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tongma/standard/proof"
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
