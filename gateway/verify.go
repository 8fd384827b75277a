package gateway

import (
	"context"
	"sync"
	"time"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/gateway/tracing"
	"tongma/gateway/upstream"
	"tongma/standard"
)

const (
	defaultPatience = 2500 * time.Millisecond
	// answerTime is kept back from the caller's patience to decide, sign and send, keepTime to have it on disk before.
	answerTime = 10 * time.Millisecond
	keepTime   = 40 * time.Millisecond
)

// finding is what became of one call before it is decided: what a system said, or why it said nothing.
type finding struct {
	system     *system // nil: nobody claims the scan
	outcome    standard.Outcome
	reason     standard.ReasonCode
	retryAfter time.Duration
	record     *standard.Record // verified only; shared, not to be changed
	from       standard.From
	observedAt time.Time
	validUntil time.Time

	since    time.Duration      // uptime when the backend request began: ages are measured by it
	began    freshness.Position // what had been marked then
	concerns freshness.Concerns
}

// overtaken says whether a change notice concerns what the system said, and came after it had been asked.
func (f *finding) overtaken() bool {
	return f.system != nil && f.outcome != standard.Unavailable && f.system.marks.Overtaken(f.began, f.concerns)
}

// mode is the recognition mode by which the system was asked, 0 for none.
func (f *finding) mode() int {
	if f.system == nil {
		return 0
	}
	return f.system.info.Mode
}

// ended says whether the validity that the system or the scan gave has ended: by the clock, and by the time that has passed since it was
// asked, in case that somebody has set the clock back.
func (f *finding) ended(now time.Time, uptime time.Duration) bool {
	return !now.Before(f.validUntil) || uptime-f.since >= f.validUntil.Sub(f.observedAt)
}

// because is the finding for a reason: its outcome is the reason's.
func because(s *system, reason standard.ReasonCode) finding {
	return finding{system: s, outcome: reason.Outcome(), reason: reason}
}

// Verify answers one call within the request's patience. The answer may be shared with other calls: do not change it. The error is a
// [*standard.Error] if the request is wrong, an [*Overload], [ErrEvidence] or [ErrClosed].
func (g *Gateway) Verify(ctx context.Context, call Call) (*standard.Verification, error) {
	begin := time.Now() // patience is measured by no clock that can be set
	if err := call.Request.Check(g.now()); err != nil {
		return nil, err
	}
	v, err := g.verifyBy(ctx, &call, begin.Add(patience(call.Request)-g.kept))
	if err == nil {
		g.meters.timed(v, time.Since(begin))
	}
	return v, err
}

func (g *Gateway) verifyBy(ctx context.Context, call *Call, deadline time.Time) (*standard.Verification, error) {
	if call.Request.Reference != "" {
		return g.verifyOnce(ctx, call, deadline)
	}
	v, _, err := g.verify(ctx, call, deadline)
	return v, err
}

func patience(r *standard.Request) time.Duration {
	if r.WaitMs == 0 {
		return defaultPatience
	}
	return time.Duration(r.WaitMs) * time.Millisecond
}

// queries are pooled, because most are asked of memory alone. A flight has a copy of its own.
var queries = sync.Pool{New: func() any { return new(adapters.Query) }}

// verify answers one call, and tells what the answer was made of.
func (g *Gateway) verify(ctx context.Context, call *Call, deadline time.Time) (*standard.Verification, finding, error) {
	q := queries.Get().(*adapters.Query)
	defer func() {
		*q = adapters.Query{}
		queries.Put(q)
	}()
	_, span := g.tracer.Start(ctx, tracing.Recognise)
	s, err := g.recognise(call.Request, &q.Ticket)
	span.End()
	if err != nil {
		return nil, finding{}, err
	}
	if s == nil {
		found := because(nil, standard.ReasonUnclaimed)
		v, err := g.answer(ctx, call, found)
		return v, found, err
	}
	defer s.leave()
	complete(q, call, s)
	for {
		found, err := g.find(ctx, call, s, q, deadline)
		if err != nil {
			return nil, finding{}, err
		}
		v, err := g.answer(ctx, call, found)
		if err != nil || !found.overtaken() {
			return v, found, err
		} // a notice came while the answer was being kept: nobody hears it
	}
}

// recognise finds the system to ask and keeps it open until its caller leaves it. One that was closed since the catalogue was looked
// up is not in the next one.
func (g *Gateway) recognise(r *standard.Request, t *adapters.Ticket) (*system, error) {
	for {
		catalogue := g.live.Load()
		s, err := recognise(catalogue, r, t)
		if err != nil || s == nil || s.enter() {
			return s, err
		}
		if g.live.Load() == catalogue {
			return nil, ErrClosed
		}
		*t = adapters.Ticket{}
	}
}

// recognise finds the system to ask and fills in the ticket. A nil system means that nobody claims the scan, or that the system
// which the request names does not.
func recognise(c *adapters.Catalogue, r *standard.Request, t *adapters.Ticket) (*system, error) {
	if r.System != "" || r.Document != nil {
		return recogniseNamed(c, r, t)
	}
	var entry *adapters.Entry
	var ok bool
	if r.Scan != "" {
		entry, ok = c.Recognise(r.Scan, t)
	} else {
		entry, ok = c.RecogniseBytes(r.ScanBytes, t)
	}
	if !ok {
		return nil, nil
	}
	return entry.Adapter.(*system), nil
}

func recogniseNamed(c *adapters.Catalogue, r *standard.Request, t *adapters.Ticket) (*system, error) {
	if r.System == "" {
		return nil, &standard.Error{Kind: standard.KindSystem, Field: "system", What: "a document does not say whom to ask: name the system"}
	}
	entry, ok := c.For(r.System)
	if !ok {
		return nil, &standard.Error{Kind: standard.KindSystem, Field: "system", What: "no such system: GET /v1/gateway lists them"}
	}
	switch {
	case r.Document != nil:
		if !entry.RecogniseDocument(r.Document, t) {
			return nil, &standard.Error{Kind: standard.KindSystem, Field: "system", What: "this system does not answer for documents of this type"}
		}
	case r.Scan != "" && !entry.Recognise(r.Scan, t), r.Scan == "" && !entry.RecogniseBytes(r.ScanBytes, t):
		return nil, nil
	}
	return entry.Adapter.(*system), nil
}

// complete tells the query what a system may need to know besides the ticket.
func complete(q *adapters.Query, call *Call, s *system) {
	r := call.Request
	q.Place = adapters.PlaceOf(r.Place, s.backend.PlaceIDs)
	q.Caller = adapters.Caller{ID: call.Caller.ID, Device: r.Device, Scene: r.Scene, Purpose: r.Purpose}
	if r.Operator != nil {
		q.Operator = *r.Operator
	}
}

// find serves an answer from memory or asks the system.
func (g *Gateway) find(ctx context.Context, call *Call, s *system, q *adapters.Query, deadline time.Time) (finding, error) {
	key, keyed := g.keyOf(s, q)
	if !keyed {
		return refuseOverload(g.ask(ctx, call, s, q, nil, deadline))
	}
	_, span := g.tracer.Start(ctx, tracing.Memory)
	kept, standing := g.memory.Get(key, s.marks)
	span.End()
	g.meters.looked(standing)
	switch standing {
	case freshness.Stale:
		g.refresh(ctx, s, q, key)
		return remembered(s, &kept, standard.Stale), nil
	case freshness.Due:
		g.refresh(ctx, s, q, key)
		return remembered(s, &kept, standard.Cache), nil
	case freshness.Fresh:
		return remembered(s, &kept, standard.Cache), nil
	}
	found, err := g.ask(ctx, call, s, q, &key, deadline)
	if err == nil && found.outcome == standard.Unavailable {
		found = g.resort(found, s, key)
	}
	return refuseOverload(found, err)
}

// Overload is the error of a call that was not put to its system, because too many wait for that already. It may be repeated after a time.
type Overload struct{ RetryAfter time.Duration }

func (o *Overload) Error() string { return "gateway: too many calls wait for this system already" }

// refuseOverload makes a call that found no place in the queue an error: nobody was asked, so nobody has answered.
func refuseOverload(found finding, err error) (finding, error) {
	if err == nil && found.reason == standard.ReasonOverload {
		return finding{}, &Overload{found.retryAfter}
	}
	return found, err
}

// resort looks once more into memory, because a new answer cannot be had: what was remembered when the call came may have been
// overtaken since, and what another node remembers have been found.
func (g *Gateway) resort(found finding, s *system, key freshness.Key) finding {
	kept, standing := g.memory.Get(key, s.marks)
	if standing == freshness.Absent || kept.Record == nil {
		return found
	}
	from := standard.Stale
	if standing >= freshness.Due { // somebody else has had a new answer meanwhile
		from = standard.Cache
	}
	return remembered(s, &kept, from)
}

func remembered(s *system, e *freshness.Entry, from standard.From) finding {
	f := finding{
		system: s, outcome: standard.Verified, record: e.Record, from: from,
		observedAt: e.ObservedAt, validUntil: e.ValidUntil, since: e.Since, began: e.Began, concerns: e.Concerns,
	}
	if e.Record == nil {
		f.outcome, f.reason = e.Reason.Outcome(), e.Reason
	}
	return f
}

// ask takes part in a flight for q. An answer that a change notice has overtaken meanwhile is asked for anew, as long as the
// caller waits: what began before a notice is not served after it.
func (g *Gateway) ask(ctx context.Context, call *Call, s *system, q *adapters.Query, key *freshness.Key, deadline time.Time) (finding, error) {
	for {
		f, joined, err := g.flights.join(g.flightOf(ctx, s, q, key, false), deadline, call.priority())
		if err != nil {
			return finding{}, err
		}
		if joined {
			s.meters.coalesced.Inc()
		}
		found, landed := g.await(ctx, f, joined, deadline)
		if !landed || !found.overtaken() {
			return found, nil
		}
		if !time.Now().Before(deadline) || ctx.Err() != nil {
			return because(s, standard.ReasonPatience), nil
		}
	}
}

// refresh has q asked for anew while nobody waits. It comes after all whom somebody waits for.
func (g *Gateway) refresh(ctx context.Context, s *system, q *adapters.Query, key freshness.Key) {
	_, _, _ = g.flights.join(g.flightOf(ctx, s, q, &key, true), time.Now().Add(refreshWaits), upstream.Refresh) // a gateway that closes needs none
}

// refreshWaits is for how long a refresh may stand in its system's queue.
const refreshWaits = time.Second

// await waits for the flight until the caller's patience ends or the caller is gone, and says whether it landed; it goes on anyway.
func (g *Gateway) await(ctx context.Context, f *flight, joined bool, deadline time.Time) (finding, bool) {
	if joined && f.trail != nil {
		defer f.trail.joined(ctx).End()
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-f.done:
		return f.found, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return because(f.system, standard.ReasonPatience), false
}
