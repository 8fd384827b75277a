package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tongma/adapters"
	"tongma/adapters/descriptor"
	"tongma/standard"
)

// trialReport is what adapter try says. Whatever had to be hidden is hidden in it.
type trialReport struct {
	System     string       `json:"system,omitempty"` // who recognises the scan
	Form       int          `json:"form,omitempty"`   // of recognise, from 1
	FormText   string       `json:"formText,omitempty"`
	Ticket     []namedText  `json:"ticket,omitempty"`
	Refused    string       `json:"refused,omitempty"` // why nobody was asked
	Forms      []string     `json:"forms,omitempty"`   // what would have been recognised
	Events     []trialEvent `json:"events"`
	Outcome    string       `json:"outcome,omitempty"`
	Reason     string       `json:"reason,omitempty"`
	Fault      string       `json:"fault,omitempty"`
	ObservedAt string       `json:"observedAt,omitempty"`
	ValidUntil string       `json:"validUntil,omitempty"`
	Status     string       `json:"status,omitempty"`
	Colour     string       `json:"colour,omitempty"`
	Record     any          `json:"record,omitempty"`
	Hidden     int          `json:"hidden"` // how many values stand behind marks
}

type namedText struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// trialEvent is a [descriptor.Event] with its values hidden.
type trialEvent struct {
	Kind    descriptor.EventKind `json:"kind"`
	Step    int                  `json:"step,omitempty"`
	Line    int                  `json:"line,omitempty"`
	File    string               `json:"file,omitempty"` // of a line that is not in adapter.yaml
	Name    string               `json:"name,omitempty"`
	Source  string               `json:"source,omitempty"`
	Value   string               `json:"value,omitempty"`
	Is      string               `json:"is,omitempty"`
	Held    *bool                `json:"held,omitempty"` // of when and clause
	Method  string               `json:"method,omitempty"`
	URL     string               `json:"url,omitempty"`
	Status  int                  `json:"status,omitempty"`
	TookMs  int64                `json:"tookMs,omitempty"`
	Headers []namedText          `json:"headers,omitempty"`
	Body    string               `json:"body,omitempty"`
	Fault   string               `json:"fault,omitempty"`
}

// trialLog gathers the events of a run.
type trialLog struct {
	base func(endpoint string) string

	mu      sync.Mutex
	curtain *curtain
	sent    time.Time
	events  []trialEvent
}

func (l *trialLog) add(e descriptor.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := trialEvent{Kind: e.Kind, Step: e.Step, Line: e.Line, Name: e.Name, Source: e.Source, Is: e.Is}
	if e.File != descriptor.File {
		out.File = e.File
	}
	if e.Err != nil {
		out.Fault = faultText(e.Err)
	}
	switch e.Kind {
	case descriptor.EventWhen, descriptor.EventClause:
		out.Held = &e.Held
	case descriptor.EventName, descriptor.EventToken, descriptor.EventFetched:
		if e.Err == nil {
			out.Value = l.curtain.value(e.Value)
		}
	case descriptor.EventCall:
		l.sent = time.Now()
		l.request(&out, e.Call)
	case descriptor.EventReply:
		out.TookMs = time.Since(l.sent).Milliseconds()
		if e.Reply != nil {
			l.reply(&out, e.Reply)
		}
	}
	l.events = append(l.events, out)
}

func (l *trialLog) request(out *trialEvent, call *adapters.Call) {
	out.Method, out.URL = call.Method, l.base(call.Endpoint)+l.curtain.target(call.Target)
	form := false
	for _, h := range call.Header {
		out.Headers = append(out.Headers, namedText{h.Name, l.curtain.header(h.Name, h.Value)})
		form = form || strings.EqualFold(h.Name, "Content-Type") && strings.HasPrefix(h.Value, "application/x-www-form-urlencoded")
	}
	if form {
		out.Body = l.curtain.pairs(string(call.Body))
	} else {
		out.Body = l.curtain.body(call.Body)
	}
}

func (l *trialLog) reply(out *trialEvent, reply *adapters.Reply) {
	out.Status = reply.Status
	for _, name := range sortedKeys(reply.Header) {
		out.Headers = append(out.Headers, namedText{name, l.curtain.header(name, strings.Join(reply.Header[name], ", "))})
	}
	out.Body = l.curtain.body(reply.Body)
}

// faultText says what went wrong; an error that is no fault of the language could hold anything.
func faultText(err error) string {
	var f *adapters.Fault
	if errors.As(err, &f) {
		return f.What
	}
	return "a step of the run ended it"
}

// recognise looks the request up and says who claims it.
func (l *trialLog) recognise(c *adapters.Catalogue, d *descriptor.Descriptor, r *standard.Request, t *adapters.Ticket) trialReport {
	report := trialReport{Events: []trialEvent{}}
	entry, _ := c.For(d.Info().System)
	for _, f := range d.Forms() {
		report.Forms = append(report.Forms, descriptor.FormText(f, "en"))
	}
	if r.Document != nil {
		if !entry.RecogniseDocument(r.Document, t) {
			report.Refused = "the system does not answer for documents of this type"
			return report
		}
	} else if claimant, ok := c.Recognise(r.Scan, t); ok && claimant != entry {
		report.System, report.Refused = claimant.Info.System, "another system's form claims this scan"
		return report
	} else if !ok && !entry.Recognise(r.Scan, t) {
		report.Refused = "no form of this system claims the scan"
		return report
	}
	report.System, report.Form, report.FormText, report.Forms = entry.Info.System, t.Form+1, report.Forms[t.Form], nil
	for name, value := range t.Fields {
		report.Ticket = append(report.Ticket, namedText{name, l.curtain.text(value)})
	}
	if doc := t.Document; doc != nil {
		report.Ticket = []namedText{{"documentType", l.curtain.text(doc.Type)}, {"document", l.curtain.text(doc.Number)}, {"name", l.curtain.text(doc.Name)}}
	}
	return report
}

// conclude says what came of the verification.
func (l *trialLog) conclude(report *trialReport, result adapters.Result, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	report.Events = append(report.Events, l.events...)
	defer func() { report.Hidden = len(l.curtain.seen) }()
	if err != nil {
		report.Outcome, report.Fault = string(standard.Unavailable), faultText(err)
		var f *adapters.Fault
		if errors.As(err, &f) {
			report.Reason = string(f.Reason)
		}
		return
	}
	report.Outcome, report.Reason = string(result.Outcome), string(result.Reason)
	if !result.ObservedAt.IsZero() {
		report.ObservedAt = result.ObservedAt.In(standard.Zone).Format(time.RFC3339)
	}
	if !result.ValidUntil.IsZero() {
		report.ValidUntil = l.curtain.time(result.ValidUntil.In(standard.Zone))
	}
	if rec := result.Record; rec != nil {
		report.Status, report.Colour = string(rec.Status), string(rec.Status.Colour())
		report.Record = l.record(rec)
	}
}

// record gives the record as JSON has it, so that programs can read what is shown.
func (l *trialLog) record(rec *standard.Record) any {
	shown := l.curtain.value(rec)
	if !json.Valid([]byte(shown)) {
		return shown
	}
	return json.RawMessage(shown)
}

// draw prints the report for people.
func (r *trialReport) draw(out io.Writer) {
	p := func(format string, args ...any) {
		for line := range strings.Lines(fmt.Sprintf(format, args...)) {
			fmt.Fprintln(out, strings.TrimRight(tame(strings.TrimSuffix(line, "\n")), " "))
		}
	}
	if r.Refused != "" {
		p("recognised    no: %s", r.Refused)
		if r.System != "" {
			p("  claimed by  %s", r.System)
		}
		for i, f := range r.Forms {
			p("  form %d      %s", i+1, f)
		}
		return
	}
	p("recognised    %s, form %d: %s", r.System, r.Form, r.FormText)
	for _, t := range r.Ticket {
		p("  %s  %s", pad(t.Name, 10), t.Value)
	}
	for _, e := range r.Events {
		e.draw(p)
	}
	p("\noutcome       %s", join(" ", r.Outcome, r.Reason))
	for _, row := range [][2]string{{"fault", r.Fault}, {"status", join(" ", r.Status, r.Colour)}, {"observed at", r.ObservedAt}, {"valid until", r.ValidUntil}} {
		if row[1] != "" {
			p("  %s %s", pad(row[0], 11), row[1])
		}
	}
	if r.Record != nil {
		text, _ := json.MarshalIndent(r.Record, "  ", "  ")
		p("record\n  %s", unescaped(text))
	}
	if r.Hidden > 0 {
		p("\n%d values are hidden, each behind its number. --show shows them.", r.Hidden)
	}
}

// unescaped gives JSON without the escapes that encoding/json writes for HTML's sake.
func unescaped(text []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}

func pad(s string, width int) string { return columns.FillRight(s, width) }

// draw prints an event: what is sent behind >, what comes back behind <, as curl has it.
func (e *trialEvent) draw(p func(string, ...any)) {
	switch e.Kind {
	case descriptor.EventStep:
		p("\nstep %d", e.Step)
	case descriptor.EventWhen:
		p("  when        %s%s", e.Source, map[bool]string{true: "", false: "   does not hold: skipped"}[*e.Held])
	case descriptor.EventFetch:
		p("  token       %s is fetched", e.Name)
	case descriptor.EventToken, descriptor.EventFetched:
		e.drawToken(p)
	case descriptor.EventName:
		p("  name        %s = %s", e.Name, cmp.Or(e.Value, "fault: "+e.Fault))
	case descriptor.EventCall:
		p("  > %s %s", e.Method, e.URL)
		e.drawMessage(p, ">")
	case descriptor.EventReply:
		if e.Fault != "" {
			p("  < nothing after %d ms: %s", e.TookMs, e.Fault)
			return
		}
		p("  < %d %s, after %d ms", e.Status, http.StatusText(e.Status), e.TookMs)
		e.drawMessage(p, "<")
	case descriptor.EventClause, descriptor.EventPassed:
		e.drawClause(p)
	}
}

func (e *trialEvent) drawToken(p func(string, ...any)) {
	switch {
	case e.Fault != "":
		p("  token       %s: fault: %s", e.Name, e.Fault)
	case e.Kind == descriptor.EventToken:
		p("  token       %s = %s", e.Name, e.Value)
	}
}

func (e *trialEvent) drawMessage(p func(string, ...any), mark string) {
	for _, h := range e.Headers {
		p("  %s %s: %s", mark, h.Name, h.Value)
	}
	if e.Body != "" {
		p("  %s", mark)
		for line := range strings.Lines(e.Body) {
			p("  %s %s", mark, line)
		}
	}
}

func (e *trialEvent) drawClause(p func(string, ...any)) {
	mark, why := "-", ""
	switch {
	case e.Fault != "":
		mark, why = "✗", "   fault: "+e.Fault
	case e.Kind == descriptor.EventPassed:
		why = "   not asked: it reads no http.status"
	case *e.Held:
		mark = "✓"
	}
	where := fmt.Sprintf("line %d", e.Line)
	if e.File != "" {
		where += " of " + e.File
	}
	p("  %s %s when %s   (%s)%s", mark, pad(e.Is, 12), e.Source, where, why)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
