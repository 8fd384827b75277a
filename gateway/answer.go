package gateway

import (
	"context"
	"time"

	"tongma/gateway/policy"
	"tongma/standard"
)

// answered is an answer with the parts that most answers have, in one piece of memory.
type answered struct {
	verification standard.Verification
	system       standard.System
	freshness    standard.Freshness
}

// answer decides on a finding and shows of it what the caller may see. It returns when it is kept that this was answered.
func (g *Gateway) answer(ctx context.Context, call *Call, f finding) (*standard.Verification, error) {
	now := g.now()
	if !f.validUntil.IsZero() && f.ended(now, g.uptime()) {
		f = because(f.system, standard.ReasonScanExpired)
	}
	a := new(answered)
	v := &a.verification
	v.ID, v.Salt = g.identities.next(now)
	v.Outcome = f.outcome
	if f.outcome == standard.Verified {
		a.verified(call, &f, g.uptime())
	} else {
		v.Reason = f.reason.Reason(f.retryAfter)
		if f.from == standard.Cache {
			a.aged(&f, g.uptime())
		}
		if f.system != nil {
			a.system = f.system.identity
			v.System = &a.system
		}
	}
	v.Decision = g.rules.Decide(&policy.Case{
		Verification: v, Record: f.record, Place: call.Request.Place, Scene: call.Request.Scene, Purpose: call.Request.Purpose,
		Document: call.Request.Document != nil, Mode: f.mode(), At: now,
	})
	if err := g.keep(ctx, call, v, &f, now); err != nil {
		return nil, err
	}
	g.meters.answered(v, f.from)
	return v, nil
}

// verified fills in what only a verified answer has.
func (a *answered) verified(call *Call, f *finding, uptime time.Duration) {
	v := &a.verification
	v.Status, v.Colour = f.record.Status, f.record.Status.Colour()
	a.system = f.record.System
	v.System = &a.system
	v.Holder, v.Health = f.record.View(call.Caller.Roles)
	v.Others = f.record.Others
	a.aged(f, uptime)
}

// aged fills in how old the answer is.
func (a *answered) aged(f *finding, uptime time.Duration) {
	a.freshness = standard.Freshness{
		From:       f.from,
		ObservedAt: standard.Millis(f.observedAt),
		AgeMs:      max(uptime-f.since, 0).Milliseconds(),
		ValidUntil: standard.Millis(f.validUntil),
	}
	a.verification.Freshness = &a.freshness
}
