package upstream

import (
	"errors"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// restMost bounds for how long a backend can have itself left alone: a wrong number in one reply must not end a day's service.
const restMost = time.Hour

// rest is until when a system wants to be left alone: it said that it is busy or that the quota is used up, and for how long.
type rest struct {
	until  time.Time
	reason standard.ReasonCode
}

func (r rest) holds(now time.Time) bool { return now.Before(r.until) }

func (r rest) fault(now time.Time) *adapters.Fault {
	return &adapters.Fault{Reason: r.reason, RetryAfter: r.until.Sub(now), What: "the backend has asked to be left alone"}
}

// heed does what a backend asks for. A busy one is asked less at once even if it does not say for how long.
func (g *Guarded) heed(now time.Time, outcome error) {
	fault, ok := errors.AsType[*adapters.Fault](outcome)
	if !ok || fault == nil {
		return
	}
	switch fault.Reason {
	case standard.ReasonBusy:
		g.limit.ease(now)
	case standard.ReasonQuota:
	default:
		return
	}
	if until := now.Add(min(fault.RetryAfter, restMost)); until.After(g.rest.until) && fault.RetryAfter > 0 {
		g.rest = rest{until, fault.Reason}
		g.flush(g.rest.fault(now))
	}
}
