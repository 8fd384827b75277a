package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tongma/gateway/client"
	"tongma/standard"
	"tongma/standard/sm"
	"tongma/standard/wire"
)

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

// answerFlags are the flags of requests answer.
type answerFlags struct {
	*officerFlags
	purpose string
	yes     bool
}

func requestsAnswerCommand() *cobra.Command {
	f := &answerFlags{officerFlags: newOfficerFlags()}
	cmd := &cobra.Command{
		Use:   "answer ID",
		Short: "Find what was recorded about a traveller and answer, as the privacy officer",
		Long: `Opens the request ID, finds what was recorded about the traveller on the days from --from to --to as ` + "`tongma evidence search`" + ` does, seals it to the platform's
key and answers. The search is made for the case whose number is the ID. An answer is for good: on a terminal it is asked for once more.` + requestExits,
		Example: `  tongma evidence requests answer 01JZ0000000000000000000000
  tongma evidence requests answer 01JZ0000000000000000000000 --from 2022-03-01 --to 2022-03-31 --as privacy.json --officer-key officer.key.pem --yes`,
		Args: oneID,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.onKey(cmd)
	f.onDays(cmd)
	cmd.Flags().StringVar(&f.purpose, "purpose", wire.KindAccess, "what the search is for: a purpose that is granted to the officer, `TEXT`")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask once more")
	return cmd
}

func (f *answerFlags) run(cmd *cobra.Command, id string) error {
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
	r, err := openRequest(cmd.Context(), c, a, id, officer)
	if err != nil {
		return err
	}
	s := searching{c: c, a: a, officer: officer, who: wanted{document: r.ask.Document, system: r.ask.System, subject: r.ask.Subject}}
	found, err := s.search(cmd.Context(), days, id, f.purpose)
	if err != nil {
		return err
	}
	p := evidencePage{cmd.OutOrStdout(), f.lang, false}
	if !f.json {
		p.findings(found)
	}
	if !f.yes && !newAsker(cmd, f.lang).confirm("以此答复？y/n ", "answer with this? y/n ") {
		return fail(errors.New("nothing was answered"), "--yes answers where there is no terminal to ask on")
	}
	state, err := r.answer(cmd.Context(), c, found)
	if err != nil {
		return a.evidenceFailed(err)
	}
	if f.json {
		return printJSON(p.w, requestAnswered{state.ID, state.Answered, found})
	}
	fmt.Fprintln(p.w, p.say("已答复：", "answered: ")+state.ID)
	return nil
}

// requestAnswered is what requests answer tells.
type requestAnswered struct {
	ID       string    `json:"id"`
	Answered time.Time `json:"answered"`
	Found    *found    `json:"found"`
}

// openedRequest is a request that nobody has answered, opened by the officer.
type openedRequest struct {
	id       string
	ask      *wire.SubjectAsk
	platform *sm.PublicKey // to which the answer is sealed
}

// openRequest finds a request and opens it.
func openRequest(ctx context.Context, c *client.Client, a *access, id string, officer *sm.PrivateKey) (*openedRequest, error) {
	var r *wire.SubjectRequest
	err := eachRequest(ctx, c, a, false, func(one *wire.SubjectRequest) bool {
		if one.ID == id {
			r = one
		}
		return r == nil
	})
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fail(errors.New("there is no such request to be answered"), "`tongma evidence requests list` shows those that are")
	}
	ask, err := openAsk(r, officer)
	if err != nil {
		return nil, fail(err, "see `tongma evidence requests list --all`")
	}
	platform, err := sm.ParsePublicKey(r.Key)
	if err != nil {
		return nil, fail(errors.New("the platform has no key any more to which an answer could be sealed"), "the gateway's operator enters platforms as callers")
	}
	return &openedRequest{id, ask, platform}, nil
}

// answer seals what was found to the platform, and answers.
func (r *openedRequest) answer(ctx context.Context, c *client.Client, f *found) (*wire.SubjectState, error) {
	account := wire.Account{ID: r.id, Reference: r.ask.Reference, Days: f.Days, Closed: f.Closed, Entries: []wire.Recorded{}}
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
	sealed, err := r.platform.Encrypt(text)
	if err != nil {
		return nil, err
	}
	return c.AnswerAsked(ctx, wire.SubjectAnswer{ID: r.id, Answer: sealed})
}
