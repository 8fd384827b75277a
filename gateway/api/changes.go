package api

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"tongma/adapters"
	"tongma/gateway"
	"tongma/gateway/events"
	"tongma/gateway/freshness"
	"tongma/gateway/registry"
	"tongma/standard"
	"tongma/standard/wire"
)

// told is the body of POST /v1/changes as it comes, where an absent member is not one that says nothing.
type told struct {
	System  string       `json:"system"`
	Seq     uint64       `json:"seq"`
	Changes []toldChange `json:"changes"`
}

type toldChange struct {
	Subject  string                    `json:"subject"`
	Scan     string                    `json:"scan"`
	Document *standard.ChangedDocument `json:"document"`
	All      *bool                     `json:"all"`
	At       string                    `json:"at"`
}

// tellChanges answers POST /v1/changes (变更通知). A notice is applied as a whole or not at all.
func (s *Server) tellChanges(x *call) (any, error) {
	n, err := readNotice(x.body, x.began)
	if err != nil {
		return nil, err
	}
	if err := s.checkOwner(x.party, n.System); err != nil {
		return nil, err
	}
	// Who hangs up meanwhile has told it all the same.
	r, err := s.cfg.Gateway.Tell(context.WithoutCancel(x.r.Context()), inner(n))
	s.noteNotice(x, n, r, err)
	if err != nil {
		return nil, err
	}
	return &standard.NoticeReceipt{System: n.System, Seq: n.Seq, Last: r.Last, Repeated: r.Repeated, Missed: r.Missed}, nil
}

// readNotice decodes and checks a notice that comes at the time now.
func readNotice(body []byte, now time.Time) (*standard.Notice, error) {
	var t told
	if err := decode(body, &t); err != nil {
		return nil, err
	}
	if len(t.Changes) > standard.MaxChanges {
		return nil, wire.Refuse(wire.CodeCrowded, "")
	}
	n := &standard.Notice{System: t.System, Seq: t.Seq}
	if t.Changes != nil {
		n.Changes = make([]standard.Change, len(t.Changes))
	}
	for i := range n.Changes {
		if err := t.Changes[i].into(&n.Changes[i], i); err != nil {
			return nil, err
		}
	}
	if err := n.Check(now); err != nil {
		return nil, err
	}
	return n, checkTimes(n, now)
}

// into copies the change at a place of the list.
func (t *toldChange) into(c *standard.Change, place int) error {
	*c = standard.Change{Subject: t.Subject, Scan: t.Scan, Document: t.Document, All: t.All != nil}
	if t.All != nil && !*t.All {
		return &standard.Error{Kind: standard.KindField, Field: memberOf(place, "all"), What: "can only be true: leave it out otherwise"}
	}
	if t.At != "" && c.At.UnmarshalText([]byte(t.At)) != nil {
		return &standard.Error{Kind: standard.KindField, Field: memberOf(place, "at"), What: "must be a time with its zone, such as 2022-01-10T08:00:00+08:00"}
	}
	return nil
}

func memberOf(place int, name string) string { return "changes." + strconv.Itoa(place) + "." + name }

// checkTimes refuses what has not happened yet. Marks are made when a notice comes, so a time tells the platform that its clock is wrong
// and serves for nothing else; one long ago is fine.
func checkTimes(n *standard.Notice, now time.Time) error {
	at := slices.IndexFunc(n.Changes, func(c standard.Change) bool { return c.At.Sub(now) > wire.Skew })
	if at < 0 {
		return nil
	}
	r := wire.Refuse(wire.CodeFuture, memberOf(at, "at"))
	r.Data = wire.Clock{ServerTime: now.UnixMilli()}
	return r
}

// checkOwner says whether a system is there and the party's own.
func (s *Server) checkOwner(p *registry.Party, system string) error {
	switch {
	case !slices.ContainsFunc(s.cfg.Gateway.Systems(), func(g gateway.System) bool { return answersFor(&g, system) }):
		return wire.Refuse(wire.CodeSystem, "")
	case !p.Runs(system):
		return wire.Refuse(wire.CodeOwner, "")
	}
	return nil
}

func answersFor(g *gateway.System, system string) bool {
	return g.Info.System == system || slices.ContainsFunc(g.Info.Systems, func(f adapters.System) bool { return f.ID == system })
}

// inner gives a checked notice as the gateway takes it.
func inner(n *standard.Notice) *freshness.Notice {
	inner := &freshness.Notice{System: n.System, Seq: n.Seq, Changes: make([]freshness.Change, len(n.Changes))}
	for i := range n.Changes {
		c := &n.Changes[i]
		inner.Changes[i] = freshness.Change{Subject: c.Subject, Scan: c.Scan, All: c.All}
		if c.Document != nil {
			inner.Changes[i].Document = c.Document.Number
		}
	}
	return inner
}

// The kinds of changes in metrics and logs.
const (
	kindSubject = iota
	kindScan
	kindDocument
	kindAll
	kinds
)

var kindNames = [kinds]string{"subject", "scan", "document", "all"}

func kindOf(c *standard.Change) int {
	switch {
	case c.Subject != "":
		return kindSubject
	case c.Scan != "":
		return kindScan
	case c.Document != nil:
		return kindDocument
	}
	return kindAll
}

// resultOf names what became of a notice in metrics and logs, and gives the event that tells of it.
func resultOf(n *standard.Notice, r freshness.Receipt, err error) (string, *events.Event) {
	switch {
	case err != nil:
		return "undelivered", events.NoticeUndelivered
	case r.Missed > 0:
		return "missed", events.NoticesMissed
	case r.Repeated:
		return "repeated", events.ChangeNotice
	case len(n.Changes) == 0:
		return "heartbeat", events.Heartbeat
	}
	return "changes", events.ChangeNotice
}

// noteNotice counts a notice and writes its line, with nothing of what it names.
func (s *Server) noteNotice(x *call, n *standard.Notice, r freshness.Receipt, err error) {
	var counts [kinds]int
	for i := range n.Changes {
		counts[kindOf(&n.Changes[i])]++
	}
	result, event := resultOf(n, r, err)
	s.meters.notices.WithLabelValues(n.System, result).Inc()
	attrs := []slog.Attr{
		slog.String("requestId", x.id), slog.String("party", x.party.ID), slog.String("system", n.System), slog.String("result", result),
		slog.Uint64("seq", n.Seq), slog.Uint64("last", r.Last), slog.Uint64("missed", r.Missed),
	}
	for kind, name := range kindNames {
		if err == nil && counts[kind] > 0 {
			s.meters.changes.WithLabelValues(n.System, name).Add(float64(counts[kind]))
		}
		attrs = append(attrs, slog.Int(name, counts[kind]))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	event.Tell(s.cfg.Log, attrs...)
}
