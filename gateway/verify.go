package gateway

import (
	"context"
	"time"

	"tongma/adapters"
	"tongma/gateway/freshness"
	"tongma/standard"
)

const (
	defaultPatience = 2500 * time.Millisecond
	// answerTime is kept back from the caller's patience to decide, sign and send.
	answerTime = 10 * time.Millisecond
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
}

// because is the finding for a reason: its outcome is the reason's.
func because(s *system, reason standard.ReasonCode) finding {
	return finding{system: s, outcome: reason.Outcome(), reason: reason}
}

// Verify answers one call within the request's patience. The answer may be shared with other calls: do not change it. The error is a
// [*standard.Error] if the request is wrong, or [ErrClosed].
func (g *Gateway) Verify(ctx context.Context, call Call) (*standard.Verification, error) {
	begin := g.now()
	if err := call.Request.Check(begin); err != nil {
		return nil, err
	}
	deadline := begin.Add(patience(call.Request) - answerTime)
	if call.Request.Reference != "" {
		return g.verifyOnce(ctx, &call, deadline)
	}
	return g.verify(ctx, &call, deadline)
}

func patience(r *standard.Request) time.Duration {
	if r.WaitMs == 0 {
		return defaultPatience
	}
	return time.Duration(r.WaitMs) * time.Millisecond
}

func (g *Gateway) verify(ctx context.Context, call *Call, deadline time.Time) (*standard.Verification, error) {
	q := new(adapters.Query)
	s, err := recognise(g.live.Load(), call.Request, &q.Ticket)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return g.answer(call, because(nil, standard.ReasonUnclaimed)), nil
	}
	complete(q, call, s)
	found, err := g.find(ctx, s, q, deadline)
	if err != nil {
		return nil, err
	}
	return g.answer(call, found), nil
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
	q.Place = adapters.PlaceOf(r.Place, s.placeIDs)
	q.Caller = adapters.Caller{ID: call.Caller.ID, Device: r.Device, Scene: r.Scene, Purpose: r.Purpose}
	if r.Operator != nil {
		q.Operator = *r.Operator
	}
}

// find serves the record from memory or asks the system.
func (g *Gateway) find(ctx context.Context, s *system, q *adapters.Query, deadline time.Time) (finding, error) {
	key, keyed := g.keyOf(s, q)
	if keyed {
		if e, ok := g.cache.Get(key, g.now()); ok {
			g.meters.hits.Inc()
			return remembered(s, e), nil
		}
		g.meters.misses.Inc()
	}
	f, joined, err := g.flights.join(key, keyed, func(ctx context.Context) finding { return g.fly(ctx, s, q, key, keyed) })
	if err != nil {
		return finding{}, err
	}
	if joined {
		s.meters.coalesced.Inc()
	}
	return g.await(ctx, f, s, deadline), nil
}

func remembered(s *system, e freshness.Entry) finding {
	return finding{
		system: s, outcome: standard.Verified, record: e.Record, from: standard.Cache,
		observedAt: e.ObservedAt, validUntil: e.ValidUntil,
	}
}

// await waits for the flight until the caller's patience ends or the caller is gone; the flight goes on.
func (g *Gateway) await(ctx context.Context, f *flight, s *system, deadline time.Time) finding {
	timer := time.NewTimer(deadline.Sub(g.now()))
	defer timer.Stop()
	select {
	case <-f.done:
		return f.found
	case <-timer.C:
	case <-ctx.Done():
	}
	return because(s, standard.ReasonPatience)
}
