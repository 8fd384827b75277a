package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tongma/gateway/tracing"
	"tongma/standard"
	"tongma/standard/proof"
	"tongma/standard/sm"
)

// Evidence (存证) keeps what was answered. It is safe for concurrent use.
type Evidence interface {
	// Name is that of the log, which answers tell.
	Name() string
	// Append returns when e is on disk, with the pseudonyms of whom it is about, so that the answer may leave. After an error it may be
	// there or not.
	Append(ctx context.Context, e *proof.Entry, about Person) error
}

// Person is whom an answer is about, as far as the gateway knows. Nothing of it is kept but pseudonyms.
type Person struct {
	Document standard.Document // type and number; the zero one: no whole number is known
	System   string
	Subject  string // the system's own reference; "": none
}

// ErrEvidence is the error of a verification whose answer could not be kept, and is not given therefore.
var ErrEvidence = errors.New("gateway: the answer cannot be kept in the evidence")

// keep returns when it is on disk that v was answered to call, for what was found.
func (g *Gateway) keep(ctx context.Context, call *Call, v *standard.Verification, f *finding, at time.Time) error {
	if g.evidence == nil {
		return nil
	}
	v.Evidence = &standard.Evidence{Log: g.evidence.Name(), Entry: v.ID}
	text, err := v.Settle()
	if err != nil {
		return err
	}
	r := call.Request
	e := &proof.Entry{
		Kind: proof.Verification, ID: v.ID, At: standard.Millis(at),
		Party: call.Caller.ID, Roles: call.Caller.Roles, Purpose: r.Purpose, Region: r.Place.Region, Site: r.Place.Site,
		Outcome: v.Outcome, Status: v.Status, Action: v.Decision.Action, Rule: v.Decision.Rule, Answer: sm.Sum(text),
	}
	if v.System != nil {
		e.System = v.System.ID
	}
	if v.Reason != nil {
		e.Reason = v.Reason.Code
	}
	if v.Freshness != nil {
		e.From, e.ObservedAt = v.Freshness.From, v.Freshness.ObservedAt
	}
	ctx, span := g.tracer.Start(ctx, tracing.Evidence)
	defer span.End()
	if err := g.evidence.Append(ctx, e, personOf(r, f, e.System)); err != nil {
		span.Fail()
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return nil
}

// personOf says whom an answer is about: whom the request names, or else the record.
func personOf(r *standard.Request, f *finding, system string) Person {
	p := Person{System: system}
	if f.record != nil {
		p.Subject = f.record.Subject
		p.Document, _ = f.record.Holder.Document()
	}
	if r.Document != nil {
		p.Document = standard.Document{Type: r.Document.Type, Number: r.Document.Number}
	}
	return p
}
