package upstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// Watch hears what the guards see. Its functions may be nil, must not block, and must not call the guards.
type Watch struct {
	State   func(State)               // the breaker has changed
	Took    func(time.Duration)       // what an attempt at the backend took
	Waited  func(time.Duration)       // what a call spent in the queue before it was sent or refused
	Refused func(standard.ReasonCode) // a call was answered without asking the backend
	Second  func(Second)              // an attempt was made besides the first
	Probed  func(ok bool)             // a probe has ended
}

// Second is why an attempt besides the first was made.
type Second string

// The second attempts.
const (
	Retry Second = "retry" // the first reached nobody
	Hedge Second = "hedge" // the first took long
)

// GuardConfig is what the guards of one system need to know.
type GuardConfig struct {
	Limits adapters.Limits // those in force, with nothing left to default; a Rate, Retry or Hedge of 0 or less is none
	Place  adapters.Place  // where the node says that it is when it probes
	Watch  Watch
}

// Guarded is an adapter behind its guards.
type Guarded struct {
	adapters.Adapter
	breaker *breaker
	bulk    *bulkhead
	limits  adapters.Limits
	mode    atomic.Int32
}

// Guard wraps a in the guards that info and the limits ask for. [Guarded.Close] ends what they run.
func Guard(a adapters.Adapter, info adapters.Info, c GuardConfig) *Guarded {
	limits, watch := c.Limits, c.Watch
	g := &Guarded{limits: limits}
	guarded := a
	if watch.Took != nil {
		guarded = &timed{guarded, watch.Took}
	}
	if limits.Retry > 0 && !info.Records {
		guarded = &retry{guarded}
	}
	guarded = &timeout{guarded, limits.Timeout}
	g.breaker = newBreaker(guarded, watch.State)
	g.bulk = newBulkhead(g.breaker, limits)
	guarded = g.bulk
	if limits.Rate > 0 {
		guarded = newRate(guarded, limits)
	}
	guarded = &door{guarded, g.breaker}
	if screener, ok := a.(adapters.Screener); ok {
		guarded = &screen{guarded, screener}
	}
	g.Adapter = guarded
	return g
}

// Verify asks the backend as far as the guards let it. Every refusal is an [adapters.Fault].
func (g *Guarded) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if Mode(g.mode.Load()) != ModeAuto {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonBreaker, What: "an operator has closed the way to this system"}
	}
	return g.Adapter.Verify(ctx, q)
}

// Switch does what an operator wants.
func (g *Guarded) Switch(m Mode) { g.mode.Store(int32(m)) }

// Warm goes back to [ModeAuto] slowly: with a probe first, if the system has one, and then with one call at a time and more as
// these are answered.
func (g *Guarded) Warm() { g.Switch(ModeAuto) }

// Condition tells how the guards stand.
func (g *Guarded) Condition() Condition {
	return Condition{
		Mode: Mode(g.mode.Load()), Breaker: stateOf(g.breaker.circuit.State()), Limit: g.limits.Concurrency,
		UnderWay: len(g.bulk.slots), Queued: int(g.bulk.waiting.Load()),
	}
}

// Close ends what the guards run. A call after it is refused.
func (g *Guarded) Close() {}

// timed measures what the backend takes, every attempt for itself.
type timed struct {
	adapters.Adapter
	took func(time.Duration)
}

func (g *timed) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	begin := time.Now()
	defer func() { g.took(time.Since(begin)) }()
	return g.Adapter.Verify(ctx, q)
}

// screen answers what the scan alone tells before any guard is asked: an expired scan is expired however sick its system is.
type screen struct {
	adapters.Adapter
	adapters.Screener
}

func (g *screen) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	if result, ok := g.Screen(q); ok {
		return result, nil
	}
	return g.Adapter.Verify(ctx, q)
}

// timeout ends a call after the system's own timeout.
type timeout struct {
	adapters.Adapter
	after time.Duration
}

func (g *timeout) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	call, cancel := context.WithTimeout(ctx, g.after)
	defer cancel()
	result, err := g.Adapter.Verify(call, q)
	if err != nil && ctx.Err() == nil && errors.Is(call.Err(), context.DeadlineExceeded) {
		return adapters.Result{}, &adapters.Fault{Reason: standard.ReasonTimeout, What: "the system's own timeout has passed", Err: err}
	}
	return result, err
}

// retry asks once more where the first attempt reached nobody: the connection was refused, or reset before anything was
// answered. Anything else has been answered in its way, and asking again would only add to the load of a sick backend.
type retry struct{ adapters.Adapter }

func (g *retry) Verify(ctx context.Context, q *adapters.Query) (adapters.Result, error) {
	result, err := g.Adapter.Verify(ctx, q)
	if reasonOf(err) != standard.ReasonUnreachable || ctx.Err() != nil {
		return result, err
	}
	return g.Adapter.Verify(ctx, q)
}

// reasonOf gives the reason of a fault, "" for a nil error, and ReasonFault for an error of any other kind.
func reasonOf(err error) standard.ReasonCode {
	if err == nil {
		return ""
	}
	if fault, ok := errors.AsType[*adapters.Fault](err); ok && fault != nil {
		return fault.Reason
	}
	return standard.ReasonFault
}
