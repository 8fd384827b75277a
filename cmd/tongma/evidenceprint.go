package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"

	"tongma/standard"
	"tongma/standard/proof"
)

// evidencePage writes for people what stands in the evidence.
type evidencePage struct {
	w      io.Writer
	lang   string
	colour bool
}

func (p evidencePage) say(zh, en string) string { return say(standard.Text{Zh: zh, En: en}, p.lang) }

// verdict says on a line whether something holds: by a sign, a word and a colour, so that none of them is needed alone.
func (p evidencePage) verdict(holds bool, zh, en string) {
	shape, colour := "✓", "\x1b[32m"
	if !holds {
		shape, colour = "✗", "\x1b[31m"
	}
	line := shape + " " + p.say(zh, en)
	if p.colour {
		line = colour + line + "\x1b[0m"
	}
	fmt.Fprintln(p.w, line)
}

// labelled is a row of a page; one without a text is left out.
type labelled struct{ zh, en, text string }

func (p evidencePage) rows(rows []labelled) {
	width := 0
	rows = slices.DeleteFunc(rows, func(r labelled) bool { return r.text == "" })
	for _, r := range rows {
		width = max(width, columns.StringWidth(p.say(r.zh, r.en)))
	}
	for _, r := range rows {
		fmt.Fprintln(p.w, "  "+columns.FillRight(p.say(r.zh, r.en), width)+"  "+tame(r.text))
	}
}

var kindWords = map[proof.Kind]standard.Text{
	proof.Verification:   {Zh: "验码", En: "verification"},
	proof.Search:         {Zh: "按人检索", En: "search for a person"},
	proof.SubjectRequest: {Zh: "本人申请", En: "request of a traveller"},
}

var actionSaid = map[standard.Action]standard.Text{
	standard.Pass:   {Zh: "通行 pass", En: "pass"},
	standard.Manual: {Zh: "人工核查 manual", En: "manual"},
	standard.Deny:   {Zh: "不予通行 deny", En: "deny"},
}

var fromSaid = map[standard.From]standard.Text{
	standard.Live:  {Zh: "实时查询", En: "asked for this call"},
	standard.Cache: {Zh: "缓存", En: "from memory"},
	standard.Stale: {Zh: "陈旧，因系统无法查询", En: "from memory and stale, because the system could not be asked"},
}

// entry gives what an entry says.
func (p evidencePage) entry(e *proof.Entry) []labelled {
	region, _ := standard.LookupRegion(e.Region)
	outcome := string(e.Outcome)
	if p.lang == "zh" {
		outcome = join(" ", outcomeWords[e.Outcome], outcome)
	}
	return []labelled{
		{"编号", "entry", join("  ", e.ID, say(kindWords[e.Kind], p.lang))},
		{"时间", "answered", moment(e.At)},
		{"查询方", "asked by", join("  ", e.Party, e.Roles.String())},
		{"案号", "case", e.Case},
		{"目的", "purpose", e.Purpose},
		{"地点", "where", join("  ", join(" ", e.Region, region.Name), e.Site)},
		{"系统", "system", e.System},
		{"结果", "outcome", join(" · ", outcome, string(e.Reason))},
		{"状态", "status", join(" ", string(e.Status), p.status(e.Status))},
		{"判定", "decision", join("  ", say(actionSaid[e.Action], p.lang), e.Rule)},
		{"依据", "ground", join("  ", say(fromSaid[e.From], p.lang), momentIfAny(e.ObservedAt))},
		{"检得", "found", p.found(e)},
		{"持码人", "holder", p.pseudonym(e.Holder)},
		{"系统内标识", "subject", p.pseudonym(e.Subject)},
		{"应答SM3", "answer SM3", hex.EncodeToString(e.Answer[:])},
	}
}

func (p evidencePage) status(s standard.Status) string {
	if s == standard.None {
		return ""
	}
	return colourWords[s.Colour()]
}

func (p evidencePage) found(e *proof.Entry) string {
	if e.Kind != proof.Search {
		return ""
	}
	return strconv.FormatUint(uint64(e.Found), 10) + p.say(" 条", " entries")
}

func (p evidencePage) pseudonym(of proof.Pseudonym) string {
	if of == (proof.Pseudonym{}) {
		return ""
	}
	return hex.EncodeToString(of[:]) + p.say("（当日化名）", "  (a pseudonym of that day)")
}

// moment writes a time as it stands in the evidence, to the millisecond.
func moment(at time.Time) string {
	return at.In(standard.Zone).Format("2006-01-02 15:04:05.000 -07:00")
}

func momentIfAny(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return moment(at)
}

// shownEntry is an entry in JSON. Digests and pseudonyms are in hex.
type shownEntry struct {
	ID         string              `json:"id"`
	Kind       string              `json:"kind"` // verification, search, subject_request
	At         time.Time           `json:"at"`
	Party      string              `json:"party"`
	Roles      string              `json:"roles"`
	Case       string              `json:"case,omitempty"`
	Purpose    string              `json:"purpose,omitempty"`
	Region     string              `json:"region,omitempty"`
	Site       string              `json:"site,omitempty"`
	System     string              `json:"system,omitempty"`
	Outcome    standard.Outcome    `json:"outcome,omitempty"`
	Reason     standard.ReasonCode `json:"reason,omitempty"`
	Status     standard.Status     `json:"status,omitempty"`
	Action     standard.Action     `json:"action,omitempty"`
	Rule       string              `json:"rule,omitempty"`
	From       standard.From       `json:"from,omitempty"`
	ObservedAt time.Time           `json:"observedAt,omitzero"`
	Found      *uint32             `json:"found,omitempty"`
	Holder     string              `json:"holder,omitempty"`
	Subject    string              `json:"subject,omitempty"`
	Answer     string              `json:"answer,omitempty"`
}

var kindNames = map[proof.Kind]string{proof.Verification: "verification", proof.Search: "search", proof.SubjectRequest: "subject_request"}

func showEntry(e *proof.Entry) *shownEntry {
	s := &shownEntry{
		ID: e.ID, Kind: kindNames[e.Kind], At: e.At.In(standard.Zone), Party: e.Party, Roles: e.Roles.String(), Case: e.Case, Purpose: e.Purpose,
		Region: e.Region, Site: e.Site, System: e.System, Outcome: e.Outcome, Reason: e.Reason, Status: e.Status, Action: e.Action, Rule: e.Rule,
		From: e.From, ObservedAt: e.ObservedAt, Holder: hexOf(e.Holder[:]), Subject: hexOf(e.Subject[:]), Answer: hexOf(e.Answer[:]),
	}
	if e.Kind == proof.Search {
		s.Found = &e.Found
	}
	return s
}

// hexOf is "" for what is all zero.
func hexOf(b []byte) string {
	for _, c := range b {
		if c != 0 {
			return hex.EncodeToString(b)
		}
	}
	return ""
}

// advance shows on a terminal how much of a long work is done; done takes that away.
func advance(w io.Writer, total int64, what string) (add func(int64), done func()) {
	if !isTerminal(w) || total <= 0 {
		return func(int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30), progressbar.OptionSetDescription(what), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true))
	return func(n int64) { bar.Add64(n) }, func() { bar.Finish() }
}
