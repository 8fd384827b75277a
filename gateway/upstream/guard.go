package upstream

import (
	"context"
	"errors"
	"time"

	"tongma/adapters"
	"tongma/standard"
)

// Watch hears what the guards see. Its functions may be nil and must not block.
type Watch struct {
	State func(State)         // each change of the breaker
	Took  func(time.Duration) // what each attempt at the backend took
}

// Guard wraps a in the guards that info and its limits ask for. The limits are those in force, with nothing left to default;
// a Rate or Retry of 0 or less is none.
func Guard(a adapters.Adapter, info adapters.Info, limits adapters.Limits, watch Watch) adapters.Adapter {
	guarded := a
	if watch.Took != nil {
		guarded = &timed{guarded, watch.Took}
	}
	if limits.Retry > 0 && !info.Records {
		guarded = &retry{guarded}
	}
	guarded = &timeout{guarded, limits.Timeout}
	breaker := newBreaker(guarded, watch.State)
	guarded = newBulkhead(breaker, limits)
	if limits.Rate > 0 {
		guarded = newRate(guarded, limits)
	}
	guarded = &door{guarded, breaker}
	if screener, ok := a.(adapters.Screener); ok {
		guarded = &screen{guarded, screener}
	}
	if keyer, ok := a.(adapters.Keyer); ok {
		return keyed{guarded, keyer}
	}
	return guarded
}

// keyed keeps the guarded adapter's answer to what its results depend on: guards change nothing about that.
type keyed struct {
	adapters.Adapter
	adapters.Keyer
}

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
